"""How many processor cores there are to use."""

import os


def usable() -> int:
    """How many cores this process may use; where the system does not say, how many there are."""
    if hasattr(os, "sched_getaffinity"):  # Linux alone.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
