"""Data sets: files and built-in sets in, Dataset(train, dev, test) out. It knows nothing of networks or searches."""
