"""A folder of one's own videos, sorted into real and fake."""

import collections
import dataclasses
import pathlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from fdd.data import identical, places, text_files
from fdd.data.catalog import LABELS, Holdings, Video
from fdd.data.splits import AMBIGUOUS, SPLITS, split_named
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

LAYOUT = """\
real/*.mp4 and fake/*.mp4 (or fake/<method>/*.mp4)
train|validation|test/real/*.mp4 and train|validation|test/fake/*.mp4"""

HOW_TO_OBTAIN = f"""\
manual_dir is a folder of your own videos:
{LAYOUT}
Videos may lie in further folders inside these, and have any ending that videos usually have."""


def place(path: pathlib.PurePath) -> Place | None:
    """Where a file's path from the root puts it.

    Args:
        path: Such as real/a.mp4, fake/METHOD/a.mp4 or train/fake/METHOD/a.mp4; the names of splits
            and labels in capitals or not.

    Returns:
        Its split, 'test' where the path names none, and its method: 'real'; for fakes, the name of
        the folder inside fake/, or 'fake' if there is none. None for a file that is no video, or in
        none of these folders.

    Raises:
        UserError: a folder of fakes is called 'real'.
    """
    named, label, parts = _divided(path)
    if not files.is_video(path.name) or label is None:
        return None
    split = split_named(named) if named else "test"
    if label.lower() == "real":
        return split, "real"
    method = escaped(parts[0]) if len(parts) > 1 else "fake"
    if method.lower() == "real":
        raise UserError(f"{escaped(str(path))}: a method of forgery cannot be called 'real'")
    return split, method


def _divided(path: pathlib.PurePath) -> tuple[str, str | None, tuple[str, ...]]:
    """A path's folder of a split ('': none), of a label (None: none), and what is inside it."""
    parts = path.parts
    named = parts[0] if len(parts) > 1 and split_named(parts[0]) else ""
    rest = parts[1:] if named else parts
    if len(rest) < 2 or rest[0].lower() not in LABELS:
        return named, None, rest
    return named, rest[0], rest[1:]


def read_groups(text: str) -> dict[pathlib.PurePath, str]:
    """Who or what is shown in which video.

    Args:
        text: Contents of groups.csv: columns `video`, a path from the root, and `group`, whatever
            delimits them.

    Returns:
        The group of each path that has one.

    Raises:
        UserError: a column is missing, or a path is in none of the folders for videos or has two
            groups.
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


def survey(root: pathlib.Path) -> Holdings:
    """Looks through what a user holds.

    A video's target is its group, or the video itself where groups.csv is missing or says nothing
    of it.

    Args:
        root: Folder with real/ and fake/, or with these two inside train/, validation/ or test/; or
            a folder above it.

    Returns:
        The videos, sorted by path; and how many of each (split, method) are there or named in
        groups.csv.

    Raises:
        UserError: there are none, the two layouts are mixed, groups.csv is not understood, splits
            share a group, or two videos are the same.
    """
    root = places.locate(root, _holds_labels)
    found, ignored = files.walk(root)
    by_path = {pathlib.PurePosixPath(file.path): file for file in found}
    placed = {path: where for path in by_path if (where := place(path)) is not None}
    _refuse_mixed_folders(root, placed)
    if not placed:
        raise UserError(
            f"no video under {escaped(str(root))}: expected {', '.join(LAYOUT.splitlines())} "
            f"there, with the names of videos (.mp4, .mov, …), but {places.there_is(root)}"
            f"{places.within(root, (*LABELS, *SPLITS))}"
        )
    lists = [file.path for file in found if file.path.lower() == GROUPS_FILE]
    groups = _groups(root, lists, placed)
    names = _names(placed)
    videos = []
    for path, (split, method) in placed.items():
        label = "real" if method == "real" else "fake"
        target = groups.pop(path, "") or f"{method}/{names[path]}"
        file = str(root / by_path[path].path)
        video = Video(file, label, method, names[path], target, "", split, "")
        # Nothing says that two videos show the same footage.
        videos.append(dataclasses.replace(video, scene=video.video_id))
    videos, copies, warning = identical.settle(root, videos, refuse_copies=True)
    _refuse_shared_groups(videos)
    used = [*map(str, placed), *lists]
    ignored += [*copies, *places.unused(root, found, used, "in no folder real or fake")]
    counts = collections.Counter((video.split, video.method) for video in videos)
    counts.update(where for path in groups if (where := place(path)))
    expected = {key: counts[key] for key in sorted(counts, key=_order)}
    return Holdings(videos, expected, sorted(ignored), warning)


def _order(key: Place) -> tuple[int, bool, str]:
    split, method = key
    return SPLITS.index(split), method != "real", method


def _holds_labels(folder: pathlib.Path) -> bool:
    names = {inner.name.lower(): inner for inner in places.folders(folder)}
    inner = [path for name, path in names.items() if split_named(name)]
    return bool(names.keys() & set(LABELS)) or any(
        path.name.lower() in LABELS for split in inner for path in places.folders(split)
    )


def _refuse_mixed_folders(root: pathlib.Path, paths: Iterable[pathlib.PurePath]) -> None:
    """Sees that splits and labels have one folder each, and all videos are in splits or none."""
    spellings = collections.defaultdict(set)
    for path in paths:
        named, label, _ = _divided(path)
        split = split_named(named) if named else ""
        spellings[split].add(named)
        spellings[split, label.lower()].add(f"{named}/{label}" if named else label)
    if {"", *SPLITS} & spellings.keys() > {""}:
        raise UserError(
            f"{escaped(str(root))} has both real/ or fake/ and folders of splits "
            f"({', '.join(SPLITS)}): move the former into one of the latter"
        )
    for names in spellings.values():
        if len(names) > 1:
            raise UserError(
                f"in {escaped(str(root))}, {' and '.join(f'{name}/' for name in sorted(names))} "
                "mean the same: make one folder of them"
            )
    for folder in places.folders(root):
        inner = {path.name.lower() for path in places.folders(folder)}
        if folder.name.lower() in AMBIGUOUS and inner & set(LABELS):
            raise UserError(
                f"{escaped(str(folder))}: '{folder.name}' may mean validation or test, rename it"
            )


def _groups(
    root: pathlib.Path, lists: Sequence[str], placed: Mapping[pathlib.PurePath, Place]
) -> dict[pathlib.PurePath, str]:
    """The group of each path, spelt as on the disk where such a file is there."""
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
    """A path with accents as parts of their letters, as most systems but macOS write them."""
    return unicodedata.normalize("NFC", str(path))


def _names(paths: Mapping[pathlib.PurePath, Place]) -> dict[pathlib.PurePath, str]:
    """Path inside the method's folder without the ending; the whole path where two would agree.

    They are text without control characters, and no two of a method are alike.
    """
    short = {}
    for path, (_, method) in paths.items():
        inside = _divided(path.with_suffix(""))[2]
        inside = inside[1:] if method != "real" and len(inside) > 1 else inside
        short[path] = (method, escaped("/".join(inside)))
    counts = collections.Counter(short.values())
    names, taken = {}, set()
    for path, (method, name) in short.items():
        plain = name = name if counts[method, name] == 1 else escaped(str(path))
        number = 1
        while (method, name) in taken:  # Of names that differ in characters that are spelt out.
            number += 1
            name = f"{plain}~{number}"
        taken.add((method, name))
        names[path] = name
    return names


def _refuse_shared_groups(videos: list[Video]) -> None:
    splits = collections.defaultdict(set)
    for video in videos:
        splits[video.target].add(video.split)
    for group, where in splits.items():
        if len(where) > 1:
            names = " and ".join(split for split in SPLITS if split in where)
            raise UserError(
                f"{GROUPS_FILE}: the group '{group}' is in {names}; give each group one split, "
                "or people that were trained on are tested on"
            )
