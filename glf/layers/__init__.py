"""Small Keras layers that networks are made of."""
