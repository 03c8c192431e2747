"""Configs, one a file; `--config=NAME` takes one of them by name."""
