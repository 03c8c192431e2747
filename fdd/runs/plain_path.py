"""Plain paths to folders with any name, for libraries that read some characters as patterns."""

import os
import pathlib
import re

import jax

from fdd.errors import UserError, shown

_OPEN_FOLDERS = pathlib.Path("/proc/self/fd")  # Linux: the open files of this process, by number.


class PlainPath:
    """Another path to a folder, which contains only plain characters.

    orbax searches for files with glob, which reads '[1]' as a pattern. tensorstore reads a
    backslash as a slash, and accepts only UTF-8. For such a folder, the path goes through its open
    file descriptor.

    Attributes:
        path: The plain path; the folder's own, made absolute, if that is plain.
    """

    def __init__(self, folder: pathlib.Path):
        """Opens a folder, which must exist.

        Raises:
            UserError: it has no plain path here.
        """
        self.path, self._descriptor = folder.absolute(), None
        if is_plain(self.path):
            return
        if not _OPEN_FOLDERS.is_dir() or jax.process_count() > 1:
            raise UserError(
                f"checkpoints cannot be kept in {shown(str(folder))}: choose a --workdir whose "
                r"path is UTF-8 and contains none of [ ] * ? \ "
            )
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self.path = _OPEN_FOLDERS / str(self._descriptor)

    def close(self) -> None:
        """Closes the descriptor; the path is not valid any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_plain(path: pathlib.PurePath) -> bool:
    """Whether those libraries take a path as it is."""
    try:
        name = path.as_posix()  # On Windows, backslashes are its slashes.
        return not re.search(r"[][*?\\]", name) and bool(name.encode())
    except UnicodeEncodeError:
        return False
