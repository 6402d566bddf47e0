"""Integer models to bytes and back: files that decode to the same bits on any machine.

Nothing here loads TensorFlow but `converting`, `float_network`, `graph_network` and the folders of
images of `images`: reading, writing and the decoder in NumPy do without.
"""
