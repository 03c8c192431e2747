"""What builds that were killed leave behind: TFDS gives each a folder of its own and forgets it."""

import contextlib
import fcntl
import os
import pathlib
import shutil
from collections.abc import Iterator


@contextlib.contextmanager
def claim(folder: str | os.PathLike[str]) -> Iterator[None]:
    """A context in which a build writes to a folder; those of killed builds beside it are deleted.

    Which builds go on is told by locks, which end with their process. Where the file system has
    none, nothing is deleted.

    Args:
        folder: `incomplete.` with random letters and the name of the folder that it becomes, as
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
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, number)
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
