"""The data sets: one file or two for each."""
