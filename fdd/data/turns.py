"""Builds in one data folder take turns, since they share the clips that are cut there.

Two runs that are started at once, such as two seeds, then build their data set once.
"""

import contextlib
import os
import pathlib
import sys
import time
from collections.abc import Iterator

from fdd.errors import shown
from fdd.system import locks

_FILE = "fdd_building.lock"
_PAUSE = 0.5  # Seconds.


@contextlib.contextmanager
def taken(folder: str | os.PathLike[str]) -> Iterator[None]:
    """A context in which no other program builds in a folder; waits for it, and says so.

    The lock ends with its process. Where there are no locks, as in a bucket, or the folder cannot
    be written, nobody waits.

    Args:
        folder: The data folder, in which all data sets are.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            if "://" in os.fspath(folder):
                raise locks.NoLocksError
            place = pathlib.Path(folder) / "downloads"  # Beside the clips.
            place.mkdir(parents=True, exist_ok=True)
            number = os.open(place / _FILE, os.O_RDWR | os.O_CREAT, 0o666)
            stack.callback(os.close, number)
            if not locks.take(number):
                print(
                    f"fdd: another program is building a data set in {shown(os.fspath(folder))}; "
                    "this one waits until it ends",
                    file=sys.stderr,
                )
                while not locks.take(number):
                    time.sleep(_PAUSE)
        yield
