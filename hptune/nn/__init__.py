"""The built-in trainer: a fully connected network in NumPy. It knows nothing of searches, runs or files."""
