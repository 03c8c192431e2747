"""Folders of any name, for libraries that take some characters of a path for a pattern."""

import os
import pathlib
import re

import jax

from fdd.errors import UserError, shown

_OPEN_FOLDERS = pathlib.Path("/proc/self/fd")  # Linux: what this process has open, by number.


class PlainPath:
    """Another path to a folder, in which only plain characters are.

    orbax looks for files with glob, to which '[1]' is a pattern, and tensorstore takes a backslash
    for a slash and only UTF-8. Of such a folder, the path leads through its open descriptor.

    Attributes:
        path: The plain path; the folder's own, absolute, where that is plain.
    """

    def __init__(self, folder: pathlib.Path):
        """Opens a folder, which must exist.

        Raises:
            UserError: it has no plain path here.
        """
        self.path, self._descriptor = folder.absolute(), None
        if _is_plain(self.path):
            return
        if not _OPEN_FOLDERS.is_dir() or jax.process_count() > 1:
            raise UserError(
                f"checkpoints cannot be kept in {shown(str(folder))}: choose a --workdir whose "
                r"path is UTF-8 and holds none of [ ] * ? \ "
            )
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self.path = _OPEN_FOLDERS / str(self._descriptor)

    def close(self) -> None:
        """Gives the descriptor back; the path leads nowhere then."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _is_plain(path: pathlib.Path) -> bool:
    try:
        return not re.search(r"[][*?\\]", os.fspath(path)) and bool(os.fspath(path).encode())
    except UnicodeEncodeError:
        return False
