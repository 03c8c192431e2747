"""What a path in a folder of the user's own videos means: split, method and group.

The folders are real/ and fake/, by themselves or in splits, or FFIW-10K's source/ and target/.
"""

import pathlib
import unicodedata
from collections.abc import Mapping, Sequence

from fdd.data import text_files
from fdd.data.catalog import LABELS
from fdd.data.splits import split_named
from fdd.errors import UserError
from fdd.tables import escaped
from fdd.video import files

GROUPS_FILE = "groups.csv"
_COLUMNS = {
    "video": ("video", "videos", "file", "filename", "file_name", "path", "name"),
    "group": ("group", "groups", "person", "identity", "subject", "actor", "speaker"),
}

Place = tuple[str, str]
"""(split, method)"""

_FFIW = {"source": "real", "target": "fake"}
MASKS = "target_mask"


def place(path: pathlib.PurePath) -> Place | None:
    """The split and the method of a file, from its path below the root.

    Args:
        path: Such as real/a.mp4, fake/METHOD/a.mp4, train/fake/METHOD/a.mp4 or target/train/a.mp4;
            the names of splits and labels in capitals or not.

    Returns:
        Its split ('test' if the path names none) and its method: 'real'; for fakes, the name of the
        folder inside fake/, or 'fake' if there is none. None if the file is not a video, or in none
        of these folders.

    Raises:
        UserError: a folder of fakes is called 'real'.
    """
    named, label, parts = divided(path)
    if not files.is_video(path.name) or label is None:
        return None
    split = split_named(named) if named else "test"
    if label.lower() == "real":
        return split, "real"
    method = escaped(parts[0]) if len(parts) > 1 else "fake"
    if method.lower() == "real":
        raise UserError(f"{escaped(str(path))}: a method of forgery cannot be called 'real'")
    return split, method


def divided(path: pathlib.PurePath) -> tuple[str, str | None, tuple[str, ...]]:
    """A path's split ('': none), label (None: none), and the parts after them."""
    parts = path.parts
    if is_of_ffiw(path):
        return parts[1], _FFIW[parts[0].lower()], parts[2:]
    named = parts[0] if len(parts) > 1 and split_named(parts[0]) else ""
    rest = parts[1:] if named else parts
    if len(rest) < 2 or rest[0].lower() not in LABELS:
        return named, None, rest
    return named, rest[0], rest[1:]


def is_of_ffiw(path: pathlib.PurePath) -> bool:
    """Whether a path is one of FFIW-10K, such as source/train/a.mp4."""
    parts = path.parts
    return len(parts) > 2 and parts[0].lower() in _FFIW and split_named(parts[1]) is not None


def read_groups(text: str) -> dict[pathlib.PurePath, str]:
    """Reads which group each video belongs to: who or what it shows.

    Args:
        text: Contents of groups.csv: columns `video`, a path from the root, and `group`, with any
            delimiter.

    Returns:
        The group of each path that has one.

    Raises:
        UserError: a column is missing, a path is in none of the folders for videos, or a path has
            two groups.
    """
    groups: dict[pathlib.PurePath, str] = {}
    for line, row in text_files.table(text, GROUPS_FILE, _COLUMNS):
        name = row["video"].replace("\\", "/").removeprefix("./")
        path = pathlib.PurePosixPath(unicodedata.normalize("NFC", name))
        if place(path) is None:
            raise UserError(
                f"{GROUPS_FILE}, line {line}: '{escaped(str(path))}' is no video in real/, fake/ "
                "or a split's real/ or fake/"
            )
        if (group := escaped(row["group"])) and groups.setdefault(path, group) != group:
            raise UserError(
                f"{GROUPS_FILE}, line {line}: '{escaped(str(path))}' has another group already"
            )
        groups.setdefault(path, "")
    return groups


def of_paths(
    root: pathlib.Path, lists: Sequence[str], placed: Mapping[pathlib.PurePath, Place]
) -> dict[pathlib.PurePath, str]:
    """The group of each path; paths of existing files are spelt as on disk."""
    if not lists:
        return {}
    if len(lists) > 1:
        raise UserError(f"{escaped(str(root))} holds both {' and '.join(lists)}: remove one")
    exact = {_normal(path): path for path in placed}
    folded = {_normal(path).lower(): path for path in placed}
    groups = {}
    for path, group in read_groups(text_files.read(root / lists[0])).items():
        name = _normal(path)
        held = exact.get(name) or folded.get(name.lower()) or path
        if groups.setdefault(held, group) != group:
            raise UserError(f"{GROUPS_FILE}: '{escaped(str(held))}' is in two groups")
    return groups


def _normal(path: pathlib.PurePath) -> str:
    """A path with accents as parts of letters (NFC), as on most systems except macOS."""
    return unicodedata.normalize("NFC", str(path))
