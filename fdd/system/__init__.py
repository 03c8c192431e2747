"""The operating system: the user's home, worker processes, signals."""
