"""Integer models to bytes and back: files that decode to the same bits on any machine.

Nothing here imports TensorFlow but `tracing`, `converting`, `graph_networks` and `float_flow`:
reading, writing and the decoder in NumPy do without.
"""
