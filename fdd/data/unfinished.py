"""Folders that killed builds leave behind: TFDS writes into a temporary folder."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

from fdd.system import locks


@contextlib.contextmanager
def claim(folder: str | os.PathLike[str]) -> Iterator[None]:
    """A context in which a build writes to a folder; the folders of killed builds are deleted.

    Locks, which end with their process, show which builds still run. If the file system has no
    locks, and on Windows, nothing is deleted.

    Args:
        folder: `incomplete.`, random letters and the final name of the folder, as
            `tfds.core.utils.incomplete_dir` makes it.
    """
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(folder)
        if _lock(folder, stack):
            name = folder.name.partition("_")[2]
            for other in folder.parent.glob(f"incomplete.*_{name}"):
                if other != folder and _lock(other, stack):
                    shutil.rmtree(other, ignore_errors=True)
        yield


def _lock(folder: pathlib.Path, stack: contextlib.ExitStack) -> bool:
    try:
        number = os.open(folder, os.O_RDONLY)
        stack.callback(os.close, number)
        return locks.take(number)
    except OSError:  # On Windows, no folder can be opened.
        return False
