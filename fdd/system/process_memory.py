"""A process' own memory."""

import contextlib
import importlib
import sys
from types import ModuleType


def _resource() -> ModuleType | None:
    """Python's module on limits, which Windows lacks."""
    with contextlib.suppress(ImportError):
        return importlib.import_module("resource")
    return None


def peak_gib() -> float | None:
    """The most memory that this process has held so far in GiB; None where nobody counts it."""
    if (resource := _resource()) is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)  # macOS counts bytes.


def confine(most: int) -> bool:
    """Confines this process to reading, within some memory, for good.

    Args:
        most: Address space in bytes.

    Returns:
        Whether memory is limited; not every system can do it.
    """
    if (resource := _resource()) is None:
        return False
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(kind, (0, 0))
    try:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (OSError, ValueError):  # macOS refuses it.
        return False
    return True
