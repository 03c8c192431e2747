"""A folder of one's own videos, sorted into real and fake."""

import collections
import csv
import dataclasses
import os
import pathlib
from collections.abc import Mapping

from fdd.data.catalog import Video
from fdd.data.splits import SPLITS
from fdd.errors import UserError

ENDINGS = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg", ".m4v")
GROUPS_FILE = "groups.csv"

Place = tuple[str, str]
"""(split, method)"""

LAYOUT = """\
real/*.mp4 and fake/*.mp4 (or fake/<method>/*.mp4)
train|validation|test/real/*.mp4 and train|validation|test/fake/*.mp4"""

HOW_TO_OBTAIN = f"""\
manual_dir is a folder of your own videos:
{LAYOUT}
Videos may lie in further folders inside these. Their names end in {", ".join(ENDINGS)}."""


def place(path: pathlib.PurePath) -> Place | None:
    """Where a file's path from the root puts it.

    Args:
        path: Such as real/a.mp4, fake/METHOD/a.mp4 or train/fake/METHOD/a.mp4.

    Returns:
        Its split, 'test' where the path names none, and its method: 'real'; for fakes, the name of
        the folder inside fake/, or 'fake' if there is none. None for a file that is no video, or in
        none of these folders.

    Raises:
        UserError: a folder of fakes is called 'real'.
    """
    parts = path.parts
    split = "test"
    if len(parts) > 1 and parts[0] in SPLITS:
        split, *parts = parts
    if path.suffix.lower() not in ENDINGS or len(parts) < 2 or parts[0] not in ("real", "fake"):
        return None
    if parts[0] == "real":
        return split, "real"
    method = parts[1] if len(parts) > 2 else "fake"
    if method == "real":
        raise UserError(f"{path}: a method of forgery cannot be called 'real'")
    return split, method


def read_groups(text: str) -> dict[pathlib.PurePath, str]:
    """Who or what is shown in which video.

    Args:
        text: Contents of groups.csv: columns `video`, a path from the root, and `group`.

    Returns:
        The group of each path that has one.

    Raises:
        UserError: a column is missing, or a path is in none of the folders for videos.
    """
    table = csv.DictReader(text.splitlines())
    if not {"video", "group"} <= set(table.fieldnames or ()):
        raise UserError(
            f"{GROUPS_FILE}: expected the columns video,group in the first line, not "
            f"'{','.join(table.fieldnames or ())}'"
        )
    groups = {}
    for row in table:
        path = pathlib.PurePosixPath((row["video"] or "").strip().replace("\\", "/"))
        if place(path) is None:
            raise UserError(
                f"{GROUPS_FILE}, line {table.line_num}: '{path}' is no video in real/, fake/ or a "
                "split's real/ or fake/"
            )
        if group := (row["group"] or "").strip():
            groups[path] = group
    return groups


def find_videos(root: pathlib.Path) -> list[Video]:
    """Lists the videos that a user holds.

    A video's target is its group, or the video itself where groups.csv is missing or says nothing
    of it.

    Args:
        root: Folder with real/ and fake/, or with these two inside train/, validation/ or test/.

    Returns:
        The videos, sorted by path.

    Raises:
        UserError: there are none, the two layouts are mixed, groups.csv is not understood, or
            splits share a group.
    """
    paths = _files(root)
    if not paths:
        raise UserError(
            f"no video under {root}: expected {', or '.join(LAYOUT.splitlines())} there, with "
            f"names that end in {', '.join(ENDINGS)}"
        )
    if len({path.parts[0] in SPLITS for path in paths}) > 1:
        raise UserError(
            f"{root} has both real/ or fake/ and folders of splits ({', '.join(SPLITS)}): move "
            "the former into one of the latter"
        )
    groups = _groups(root)
    names = _names(paths)
    videos = []
    for path, (split, method) in paths.items():
        name = names[path]
        label = "real" if method == "real" else "fake"
        target = groups.get(path, f"{method}/{name}")
        video = Video(str(root / path), label, method, name, target, "", split, "")
        # Nothing says that two videos show the same footage.
        videos.append(dataclasses.replace(video, scene=video.video_id))
    _refuse_shared_groups(videos)
    return videos


def expected_counts(root: pathlib.Path) -> dict[tuple[str, str], int | None]:
    """Number of videos of each (split, method) that are there or named in groups.csv.

    Args:
        root: As in `find_videos`.
    """
    places = _files(root)
    for path in _groups(root):
        places.setdefault(path, place(path))
    counts = collections.Counter(places.values())
    return {key: counts[key] for key in sorted(counts, key=_order)}


def _order(key: Place) -> tuple[int, bool, str]:
    split, method = key
    return SPLITS.index(split), method != "real", method


def _files(root: pathlib.Path) -> dict[pathlib.PurePath, Place]:
    """The videos' paths from the root; links to folders are followed."""
    found = {}
    for start in ("real", "fake", *SPLITS):
        for folder, _, names in os.walk(root / start, followlinks=True):
            for name in names:
                path = pathlib.PurePosixPath(pathlib.Path(folder, name).relative_to(root))
                where = None if name.startswith(".") else place(path)
                if where is not None:
                    found[path] = where
    return dict(sorted(found.items()))


def _groups(root: pathlib.Path) -> dict[pathlib.PurePath, str]:
    file = root / GROUPS_FILE
    return read_groups(file.read_text(encoding="utf-8-sig")) if file.is_file() else {}


def _names(paths: Mapping[pathlib.PurePath, Place]) -> dict[pathlib.PurePath, str]:
    """Path inside the method's folder without the ending; the whole path where two would agree."""
    short = {}
    for path, (_, method) in paths.items():
        parts = path.with_suffix("").parts
        depth = parts.index("real" if method == "real" else "fake") + 1
        if parts[depth] == method and len(parts) > depth + 1:
            depth += 1
        short[path] = (method, "/".join(parts[depth:]))
    counts = collections.Counter(short.values())
    return {path: key[1] if counts[key] == 1 else str(path) for path, key in short.items()}


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
