"""Where below a folder a data set or its videos are, and which of several files to use."""

import os
import pathlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from fdd.errors import UserError
from fdd.tables import escaped
from fdd.video import files
from fdd.video.files import File, Ignored

_INFO = "dataset_info.json"
_LEVELS = 2
_LEVELS_OF_TFDS = 4  # From the demo's data_dir to the folder of a version.


def locate(root: pathlib.Path, holds: Callable[[pathlib.Path], bool]) -> pathlib.Path:
    """Returns the data set's folder: `root`, or the only one up to two levels below it.

    Args:
        root: What the user gave.
        holds: Whether a folder holds the data set.

    Raises:
        UserError: `root` is no folder, or several folders below it hold the data set.
    """
    if not root.is_dir():
        raise UserError(f"there is no folder {escaped(str(root))}")
    if holds(root):
        return root
    unread: list[str] = []
    level = folders(root, unread)
    for _ in range(_LEVELS):
        found = [folder for folder in level if holds(folder)]
        if len(found) > 1:
            names = ", ".join(escaped(str(folder)) for folder in found[:5])
            raise UserError(
                f"{escaped(str(root))} holds the data set more than once: say which of {names}"
            )
        level = [inner for each in level if each not in found for inner in folders(each, unread)]
        if found:
            say_found(found[0], unread)
            return found[0]
    return root


def say_found(folder: pathlib.Path, unread: Sequence[str]) -> None:
    """Prints where a data set was found, and which folders could not be searched for another.

    Args:
        folder: The data set's folder.
        unread: What `folders` could not read.
    """
    rest = f" These could not be searched: {'; '.join(unread[:5])}." if unread else ""
    print(f"The data set is in {escaped(str(folder))}.{rest}")


def folders(folder: pathlib.Path, unread: list[str] | None = None) -> list[pathlib.Path]:
    """A folder's subfolders that are not hidden, by name.

    Args:
        folder: The folder; if it cannot be read, the result is empty.
        unread: Gets its name and the reason in that case.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(
                folder / entry.name
                for entry in entries
                if entry.is_dir() and not entry.name.startswith(".")
            )
    except OSError as error:
        if unread is not None:
            unread.append(f"{escaped(str(folder))} ({error.strerror})")
        return []


def there_is(root: pathlib.Path) -> str:
    """A folder's contents, for a message that something else was expected there."""
    names = sorted(f"{path.name}/" if path.is_dir() else path.name for path in root.iterdir())
    if not names:
        return "it is empty"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    _, ignored = files.walk(root)
    unread = [each for each in ignored if each.kind == files.UNREADABLE_FOLDER]
    said = "".join(f"; {escaped(each.path)} is {each.reason}" for each in unread[:3])
    return f"it holds {', '.join(escaped(name) for name in names[:5])}{more}{said}"


def within(root: pathlib.Path, names: Iterable[str]) -> str:
    """A hint if the user gave a folder inside the right one; '' otherwise.

    Args:
        root: What the user gave.
        names: Names of the right folder's subfolders, in lower case.
    """
    path = root.absolute()
    for folder in (path, *path.parents):
        if folder.name.lower() in names:
            return f"; {escaped(str(folder))} is only a part of it: give its parent folder"
    return ""


def one_of_each(
    found: Iterable[tuple[Hashable, File, int]],
) -> tuple[dict[Hashable, File], list[Ignored]]:
    """Chooses one of several files of a video; a copy ('974 (1).mp4') only if there is no other.

    Args:
        found: For each file what it shows, the file, and a rank; lower ranks are preferred.

    Returns:
        One file for each video; and the other files.
    """
    chosen: dict[Hashable, File] = {}
    ignored = []

    def order(each: tuple[Hashable, File, int]) -> tuple[object, ...]:
        _, file, rank = each
        name, ending = os.path.splitext(file.path)
        return files.original_name(name) != name, rank, ending != ".mp4", file.linked, file.path

    for what, file, _ in sorted(found, key=order):
        if (first := chosen.setdefault(what, file)) is not file:
            ignored.append(Ignored(file.path, f"another file of a video: {escaped(first.path)}"))
    return chosen, ignored


def unused(
    root: pathlib.Path, found: Iterable[File], used: Iterable[str], reason: str
) -> Iterator[Ignored]:
    """Lists the files that were not used; for videos, with the given reason."""
    used = set(used)
    for file in found:
        if file.path not in used:
            yield Ignored(file.path, files.why_no_video(root, file.path) or reason)


def find_dataset(folder: pathlib.Path) -> pathlib.Path:
    """The folder with dataset_info.json: this one, that of a file in it, or one below.

    Raises:
        UserError: there is none, or more than one.
    """
    if folder.is_file():
        folder = folder.parent
    if (folder / _INFO).exists():
        return folder
    below, unread = [folder], []
    for _ in range(_LEVELS_OF_TFDS):
        below = [inner for each in below for inner in folders(each, unread)]
        below = [inner for inner in below if ".incomplete" not in inner.name]
        if found := [inner for inner in below if (inner / _INFO).exists()]:
            break
    else:
        found = []
    if len(found) > 1:
        names = ", ".join(escaped(str(each)) for each in found[:5])
        raise UserError(f"{escaped(str(folder))} holds {len(found)} data sets, say which: {names}")
    if not found:
        rest = f" (these could not be searched: {'; '.join(unread[:5])})" if unread else ""
        raise UserError(
            f"{escaped(str(folder))} holds no data set: expected {_INFO} there, as in "
            f"DATA/faceforensics/CONFIG/1.0.0{rest}"
        )
    say_found(found[0], unread)
    return found[0]
