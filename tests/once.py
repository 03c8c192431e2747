"""What is costly to make and only read: one of pytest-xdist's processes makes it for all."""

import os
import pathlib
from collections.abc import Callable

import pytest


def made(
    factory: pytest.TempPathFactory, name: str, make: Callable[[pathlib.Path], None]
) -> pathlib.Path:
    """Returns a path that the first process that asks has made; the others wait for it.

    Args:
        factory: The session's; its folders go with the session.
        name: Of the path, unique in the session.
        make: Makes the file or folder at the path that it is given.
    """
    import fcntl  # Not at the top: some tests do without it.

    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # Of the whole session.
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / f"{name}.made").exists():  # A folder may hold its own path: no renaming.
            make(root / name)
            (root / f"{name}.made").touch()
    return root / name
