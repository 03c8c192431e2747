"""Locks on open files, which end with the process that took them, however it ends."""

import contextlib
import errno
import importlib
import os
from types import ModuleType

_NONE_HERE = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
_BEYOND = 2**30  # Windows lets nobody read what is locked, so that is a byte past all content.


class NoLocksError(OSError):
    """The file system, or the operating system, has no locks."""


def take(file: int) -> bool:
    """Locks an open file for this process alone, without waiting.

    Args:
        file: Its descriptor; closing it ends the lock.

    Returns:
        Whether it was free; otherwise another process has locked it.

    Raises:
        NoLocksError: it cannot be locked by anybody.
        OSError: as opening and reading files do.
    """
    try:
        if unix := _module("fcntl"):
            unix.flock(file, unix.LOCK_EX | unix.LOCK_NB)
            return True
        if windows := _module("msvcrt"):
            return _take_on_windows(file, windows)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NONE_HERE:
            raise
    raise NoLocksError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def _module(name: str) -> ModuleType | None:
    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    return None


def _take_on_windows(file: int, windows: ModuleType) -> bool:
    place = os.lseek(file, 0, os.SEEK_CUR)
    os.lseek(file, _BEYOND, os.SEEK_SET)
    try:
        windows.locking(file, windows.LK_NBLCK, 1)
    except PermissionError:
        return False
    finally:
        os.lseek(file, place, os.SEEK_SET)
    return True
