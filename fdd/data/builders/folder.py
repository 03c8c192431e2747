"""A folder of the user's own videos, sorted into real and fake."""

import collections
import dataclasses
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from fdd.data import division, identical, layouts, places
from fdd.data.builders import folder_paths
from fdd.data.builders.faceforensics import ACTOR_FAKE
from fdd.data.builders.folder_paths import GROUPS_FILE, Place, divided, place
from fdd.data.catalog import LABELS, Holdings, Video
from fdd.data.division import Division
from fdd.data.layouts import Layout
from fdd.data.splits import AMBIGUOUS, SPLITS, split_named
from fdd.errors import UserError
from fdd.tables import escaped
from fdd.video import files
from fdd.video.files import File, Ignored

HOW_TO_OBTAIN = f"""\
manual_dir is a folder of your own videos:
{"; or ".join(path for each in layouts.FOLDER for path in each.paths)}
Videos may be in further folders inside these, and may have any usual ending of videos."""

_WITH_PEOPLE = (  # Data sets whose names of fakes say who is in them, and their builders.
    ("DeepFakeDetection", ACTOR_FAKE, "faceforensics"),
    ("Celeb-DF", re.compile(r"id\d+_id\d+_\d{4}"), "celeb_df"),
)


def survey(root: pathlib.Path, fractions: Division | None = None) -> Holdings:
    """Finds the videos in a user's folder.

    A video's target is its group, or the video itself if groups.csv is missing or does not name
    it.

    Args:
        root: Folder with real/ and fake/, or with these two inside train/, validation/ or test/, or
            with FFIW-10K's source/ and target/; or a folder above it.
        fractions: How videos that come without splits are divided, which is printed; by default
            all of them are for testing.

    Returns:
        The videos, sorted by path; and for each (split, method) the number of videos that are
        there or named in groups.csv.

    Raises:
        UserError: there are none, two layouts are mixed, groups.csv is not understood, splits share
            a group, two videos are the same, or they cannot be divided.
    """
    root = places.locate(root, _holds_labels)
    found, ignored = files.walk(root)
    by_path = {pathlib.PurePosixPath(file.path): file for file in found}
    placed = {path: where for path in by_path if (where := place(path)) is not None}
    _refuse_mixed_folders(root, placed)
    if not placed:
        _refuse_nothing(root)
    lists = [file.path for file in found if file.path.lower() == GROUPS_FILE]
    groups = folder_paths.of_paths(root, lists, placed)
    ungrouped = _not_in_groups([path for path in placed if lists and path not in groups])
    videos = [
        _video(str(root / by_path[path].path), where, name, groups.pop(path, ""))
        for (path, where), name in zip(placed.items(), _names(placed).values(), strict=True)
    ]
    videos, copies, warning = identical.settle(root, videos, refuse_copies=True)
    _refuse_shared_groups(videos)
    layout = _layout(placed)
    if layout is layouts.PLAIN and not lists and (known := _with_people(videos)):
        _refuse_division(known, fractions)
        warning = "; ".join(filter(None, (warning, known)))
    by_group: dict[str, str] = {}
    if layout is layouts.PLAIN and fractions:
        by_group = division.divide([v for v in videos if not v.is_empty], fractions)
        videos = [dataclasses.replace(v, split=by_group.get(v.target, v.split)) for v in videos]
        print(division.summary(videos, fractions, bool(lists)))
    used = [*map(str, placed), *lists]
    ignored += [*copies, *_unused(root, found, used)]
    counts = collections.Counter((video.split, video.method) for video in videos)
    for path, group in groups.items():
        split, method = place(path)
        counts[by_group.get(group, split), method] += 1
    expected = {key: counts[key] for key in sorted(counts, key=_order)}
    return Holdings(
        videos=videos,
        expected=expected,
        ignored=sorted(ignored),
        warning="; ".join(filter(None, (warning, ungrouped))),
        layouts=(layout,),
        root=root,
    )


def _video(path: str, where: tuple[str, str], name: str, group: str) -> Video:
    split, method = where
    video = Video(
        path=path,
        label="real" if method == "real" else "fake",
        method=method,
        name=name,
        target=group or f"{method}/{name}",
        source="",
        split=split,
        compression="",
    )
    # Nothing says that two videos show the same footage.
    return dataclasses.replace(video, scene=video.video_id)


def _refuse_nothing(root: pathlib.Path) -> NoReturn:
    raise UserError(
        f"no video under {escaped(str(root))}: expected {layouts.looked_for(layouts.FOLDER)} "
        f"there, with the names of videos (.mp4, .mov, …), but {places.there_is(root)}"
        f"{places.within(root, (*LABELS, *SPLITS))}"
    )


def _layout(paths: Iterable[pathlib.PurePath]) -> Layout:
    paths = list(paths)
    if any(map(folder_paths.is_of_ffiw, paths)):
        return layouts.FFIW
    return layouts.OWN_SPLITS if any(divided(path)[0] for path in paths) else layouts.PLAIN


def _unused(root: pathlib.Path, found: Iterable[File], used: Iterable[str]) -> list[Ignored]:
    unused = places.unused(root, found, used, "in no folder real or fake")
    masks = f"{folder_paths.MASKS}/"
    return [
        Ignored(each.path, "a mask that is not needed") if each.path.startswith(masks) else each
        for each in unused
    ]


def _not_in_groups(paths: Sequence[pathlib.PurePath]) -> str:
    """A warning about videos that groups.csv does not name; '' if there are none."""
    if not paths:
        return ""
    names = ", ".join(escaped(str(path)) for path in paths[:3])
    more = ", …" if len(paths) > 3 else ""
    return (
        f"{GROUPS_FILE} does not name {len(paths)} of the videos ({names}{more}), so each of them "
        "is a group of its own"
    )


def _with_people(videos: Iterable[Video]) -> str:
    """A warning about fakes whose names say who is in them; '' if there are none."""
    names = [video.name.rpartition("/")[2] for video in videos if video.label == "fake"]
    for dataset, pattern, builder in _WITH_PEOPLE:
        if names and all(pattern.fullmatch(name) for name in names):
            return (
                f"by their names the fakes are of {dataset}, whose people the builder folder does "
                f"not know: say --config.data.builder={builder}, or name the people in "
                f"{GROUPS_FILE}"
            )
    return ""


def _refuse_division(known: str, fractions: Division | None) -> None:
    if fractions:
        raise UserError(f"people would be trained on and tested on: {known}")


def _order(key: Place) -> tuple[int, bool, str]:
    split, method = key
    return SPLITS.index(split), method != "real", method


def _holds_labels(folder: pathlib.Path) -> bool:
    names = {inner.name.lower(): inner for inner in places.folders(folder)}
    inner = [path for name, path in names.items() if split_named(name)]
    return (
        bool(names.keys() & set(LABELS))
        or any(path.name.lower() in LABELS for split in inner for path in places.folders(split))
        or any(
            folder_paths.is_of_ffiw(pathlib.PurePath(path.parent.name, path.name, "any"))
            for outer in names.values()
            for path in places.folders(outer)
        )
    )


def _refuse_mixed_folders(root: pathlib.Path, paths: Iterable[pathlib.PurePath]) -> None:
    """Checks that each split and label has one folder, and that no video is beside the splits."""
    spellings = collections.defaultdict(set)
    for path in paths:
        named, label, _ = divided(path)
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


def _names(paths: Mapping[pathlib.PurePath, Place]) -> dict[pathlib.PurePath, str]:
    """A unique name of each path: inside the method's folder, without the ending.

    Where two would be equal, it is the whole path. Names are text without control characters.
    """
    short = {}
    for path, (_, method) in paths.items():
        inside = divided(path.with_suffix(""))[2]
        inside = inside[1:] if method != "real" and len(inside) > 1 else inside
        short[path] = (method, escaped("/".join(inside)))
    counts = collections.Counter(short.values())
    names, taken = {}, set()
    for path, (method, name) in short.items():
        plain = name = name if counts[method, name] == 1 else escaped(str(path))
        number = 1
        while (method, name) in taken:  # Escaping may make two names equal.
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
