"""TFDS builders; each folder can be given to `tfds build`."""
