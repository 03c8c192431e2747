"""The page's temporary folder; that of a killed server is deleted at the next start."""

import contextlib
import os
import pathlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator

from fdd.system import locks

_PREFIX = "fdd_web_"
_LOCK = "lock"


@contextlib.contextmanager
def temporary() -> Iterator[pathlib.Path]:
    """A context with an empty folder for what visitors send.

    Folders that killed servers of this user have left are deleted first. A server locks its folder,
    and the lock ends with the process. If nothing can be locked, and on Windows, which cannot
    rename an open file, they stay.
    """
    _remove_abandoned()
    # The name is known before the folder exists, so that a signal at any time leaves nothing.
    folder = pathlib.Path(tempfile.gettempdir(), f"{_PREFIX}{secrets.token_hex(8)}")
    try:
        folder.mkdir(mode=0o700)
        with (folder / f"{_LOCK}.new").open("w") as file:
            with contextlib.suppress(locks.NoLocksError, PermissionError):
                locks.take(file.fileno())
                os.rename(file.name, folder / _LOCK)  # The lock file is never visible unlocked.
            yield folder
    finally:
        if folder.exists():
            shutil.rmtree(folder)


def _remove_abandoned() -> None:
    for folder in pathlib.Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # It is gone, another user's, or not yet locked by a server that is starting.
        with contextlib.suppress(OSError), _own_lock(folder).open("r+") as file:
            if locks.take(file.fileno()):
                shutil.rmtree(folder)


def _own_lock(folder: pathlib.Path) -> pathlib.Path:
    found = folder.lstat()
    another = hasattr(os, "getuid") and found.st_uid != os.getuid()
    if another or folder.is_symlink():
        raise PermissionError
    return folder / _LOCK
