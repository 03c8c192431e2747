"""The page's temporary folder, which also goes when a server was killed: at the next start."""

import contextlib
import fcntl
import os
import pathlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator

_PREFIX = "fdd_web_"
_LOCK = "lock"


@contextlib.contextmanager
def temporary() -> Iterator[pathlib.Path]:
    """A context with an empty folder of its own for what visitors send.

    Folders that killed servers of this user have left are deleted first. A server holds a lock in
    its folder, which the system lets go of with the process.
    """
    _remove_abandoned()
    # Named before it is made: a signal may arrive at any time, and what it interrupts must go.
    folder = pathlib.Path(tempfile.gettempdir(), f"{_PREFIX}{secrets.token_hex(8)}")
    try:
        folder.mkdir(mode=0o700)
        with (folder / f"{_LOCK}.new").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.rename(file.name, folder / _LOCK)  # It is never seen without being held.
            yield folder
    finally:
        if folder.exists():
            shutil.rmtree(folder)


def _remove_abandoned() -> None:
    for folder in pathlib.Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Not there any more, another user's, or not yet locked by a server that starts.
        with contextlib.suppress(OSError), _own_lock(folder).open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)


def _own_lock(folder: pathlib.Path) -> pathlib.Path:
    found = folder.lstat()
    if found.st_uid != os.getuid() or folder.is_symlink():
        raise PermissionError
    return folder / _LOCK
