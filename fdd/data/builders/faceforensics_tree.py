"""A FaceForensics++ tree on disk: which files are its videos, and which split they belong to."""

import collections
import dataclasses
import hashlib
import itertools
import os
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from fdd.data import identical, layouts, places, splits, splits_file
from fdd.data.builders import faceforensics_files, faceforensics_layouts
from fdd.data.builders.faceforensics import (
    ACTOR,
    ACTOR_FAKE,
    ALL_METHODS,
    DEEP_FAKE_DETECTION,
    Selection,
    expected_counts,
    straddling_groups,
)
from fdd.data.builders.faceforensics_layouts import Held
from fdd.data.catalog import Holdings, Video
from fdd.errors import UserError
from fdd.tables import escaped
from fdd.video import files
from fdd.video.files import File, Ignored
from fdd.video.preprocessing import STORED

_FRAMES = layouts.DEEPFAKEBENCH
_NOT_ASKED = "of a method that was not asked for"

# DeepFakeDetection comes without splits. Its actors are numbered 01 to 28.
_ACTOR_SPLITS = {
    **{f"{actor:02d}": "train" for actor in range(1, 17)},
    **{f"{actor:02d}": "validation" for actor in range(17, 23)},
    **{f"{actor:02d}": "test" for actor in range(23, 29)},
}
_SEQUENCE = re.compile(r"(?P<target>\d{3})")
_SEQUENCE_FAKE = re.compile(r"(?P<target>\d{3})_(?P<source>\d{3})")


def survey(
    root: pathlib.Path, selection: Selection, of_frames: bool = False, layout: str = layouts.AUTO
) -> Holdings:
    """Finds the videos in a user's folder.

    Fakes whose target and source are in different splits belong to neither and are left out.

    Args:
        root: Folder in one of the layouts `fdd.data.layouts.FACE_FORENSICS`, or one above it. A
            video that is stored in several of them is used once.
        selection: Which videos are wanted.
        of_frames: Whether stored frames are wanted, not videos.
        layout: Key of the layout that is looked for; 'auto': all.

    Returns:
        The wanted videos that are there, sorted by (method, name).

    Raises:
        UserError: nothing is there, a method that is none of FaceForensics++'s has no folder, the
            file of splits is not understood, or two videos that must differ are the same.
    """
    splits_of = splits_file.of_selection(selection)
    root, held = faceforensics_layouts.find(root, layout)
    found, ignored = files.walk(root)
    _refuse_unknown_methods(root, found, held, selection)
    sorted_files = faceforensics_files.sort(root, found, held, selection, of_frames)
    chosen, others = places.one_of_each(sorted_files.candidates)
    ignored += [*sorted_files.ignored, *others]
    videos, nowhere = _videos(root, chosen, splits_of, selection.compression)
    ignored += nowhere
    if not videos:
        _refuse_nothing(root, held, sorted_files, selection, of_frames)
    videos.sort(key=lambda video: (video.method, video.name))
    videos, copies, warning = identical.settle(root, videos, refuse_copies=False)
    ignored += copies
    videos, unused = _with_masks(root, videos, sorted_files.masks)
    ignored += [Ignored(path, "a mask that is not needed") for path in unused]
    kept = _limited([v for v in videos if not _dropped(v, selection)], selection)
    ignored += _left_out(root, videos, kept, selection)
    warning = "; ".join(filter(None, (warning, _without_originals(kept))))
    known = tuple(dict.fromkeys(each.layout(of_frames) for each in held))
    expected = expected_counts(selection, splits_of)
    return Holdings(
        videos=kept,
        expected=expected,
        ignored=sorted(ignored),
        warning=warning,
        layouts=known,
        root=root,
    )


def _videos(
    root: pathlib.Path,
    chosen: Mapping[tuple[str, bool, str], File],
    splits_of: Mapping[splits_file.Key, str] | None,
    compression: str,
) -> tuple[list[Video], list[Ignored]]:
    """The videos of files by (method, whether real, name); and the files that are in no split."""
    videos, ignored = [], []
    for (method, real, name), file in chosen.items():
        place = _place(method, name, real, splits_of)
        if isinstance(place, str):
            ignored.append(Ignored(file.path, place))
            continue
        target, source, split = place
        videos.append(
            Video(
                path=str(root / file.path),
                label="real" if real else "fake",
                method=method,
                name=name,
                target=target,
                source=source,
                split=split,
                compression=compression,
            )
        )
    return videos, ignored


def _refuse_nothing(
    root: pathlib.Path,
    held: Sequence[Held],
    found: faceforensics_files.Sorted,
    selection: Selection,
    of_frames: bool,
) -> NoReturn:
    place = escaped(str(root))
    if found.other_kind and not of_frames:
        raise UserError(
            f"{place} is recognised as {layouts.DEEPFAKEBENCH.name}, crops without the videos: "
            f"to take the crops as they are, say --config.data.region={STORED}"
        )
    if found.other_kind:
        raise UserError(
            f"{place} holds videos and no stored frames, {layouts.looked_for([_FRAMES])}: say "
            "--config.data.region=face or full_frame"
        )
    said = [each.layout(of_frames).name for each in held]
    known = f" (recognised as {' and '.join(said)})" if said else ""
    others = collections.Counter(each.kind for each in found.ignored)
    methods = {r.reason.partition(": ")[2] for r in found.ignored if r.kind == _NOT_ASKED}
    hint = f", of {', '.join(sorted(methods))}, which config.data.methods does not name"
    expected = layouts.looked_for(layouts.FACE_FORENSICS)
    raise UserError(
        f"no {selection.compression} video of FaceForensics++ under {place}{known}: expected "
        f"{expected.replace('<compression>', selection.compression)} there, but "
        f"{places.there_is(root)}{hint if others[_NOT_ASKED] else ''}"
        f"{places.within(root, faceforensics_layouts.KINDS)} (to get the data: "
        "https://github.com/ondyari/FaceForensics)"
    )


def _without_originals(videos: Sequence[Video]) -> str:
    """A warning about DeepFakeDetection without its actors' originals; '' if they are there."""
    methods = {video.method for video in videos}
    if DEEP_FAKE_DETECTION not in methods or "actors" in methods:
        return ""
    return (
        f"{DEEP_FAKE_DETECTION} is there without the originals of its actors, so its scenes alone "
        "show that they are fake: leave it out of config.data.methods, or get the originals"
    )


def _refuse_unknown_methods(
    root: pathlib.Path, found: Sequence[File], held: Sequence[Held], selection: Selection
) -> None:
    unknown = [method for method in selection.methods if method not in ALL_METHODS]
    if not unknown:
        return
    there = (each.official(file.path) for file in found for each in held)
    parts = (path.split("/") for path in there if path)
    methods = {p[1] for p in parts if p[0].lower() == "manipulated_sequences" and len(p) > 2}
    for method in unknown:
        if method not in methods:
            raise UserError(
                f"unknown method '{method}': it is none of {', '.join(ALL_METHODS)}, and there is "
                f"no folder {root / 'manipulated_sequences' / method} with files in it"
            )


def _place(
    method: str, name: str, real: bool, given: Mapping[tuple[str, str], str] | None
) -> tuple[str, str, str] | str:
    """(target, source, split) of a video from its name; or why it has no split."""
    if match := (ACTOR if real else ACTOR_FAKE).fullmatch(name):
        actor, source = match["actor"], "" if real else match["source"]
        target = f"{actor}__{match['scene']}"
        split, other = _ACTOR_SPLITS.get(actor), _ACTOR_SPLITS.get(source)
    elif match := (_SEQUENCE if real else _SEQUENCE_FAKE).fullmatch(name):
        target, source = match["target"], "" if real else match["source"]
        split, other = splits.official_split(target), splits.official_split(source)
    else:
        return "not named as a video of FaceForensics++, 000.mp4 or 000_003.mp4"
    if given is not None:
        split = other = given.get((method, name))
        return (target, source, split) if split else "in no split of the file of splits"
    if split is None:
        return "of an actor who is not in FaceForensics++"
    if source and other != split:
        return "its target and its source are in different splits"
    return target, source, split


def _with_masks(
    root: pathlib.Path, videos: list[Video], held: Mapping[str, str]
) -> tuple[list[Video], list[str]]:
    """Adds to each real video a mask that shows where its face was replaced, if there is one.

    Args:
        root: Where the data set is.
        videos: All videos.
        held: Path of each fake's mask by `video_id`.

    Returns:
        The videos; and the masks that none of them needs.
    """
    masks: dict[str, str] = {}
    for video in videos:
        if video.label == "fake" and video.video_id in held:
            masks.setdefault(video.target, held[video.video_id])
    used = {masks[video.target] for video in videos if video.target in masks}
    videos = [
        dataclasses.replace(video, mask=str(root / masks[video.target]))
        if video.target in masks
        else video
        for video in videos
    ]
    return videos, sorted(set(held.values()) - used)


def _left_out(
    root: pathlib.Path, videos: Sequence[Video], kept: Sequence[Video], selection: Selection
) -> list[Ignored]:
    remain = {video.video_id for video in kept}
    return [
        Ignored(
            os.path.relpath(video.path, root),
            "its source video is in another split too"
            if _dropped(video, selection)
            else "beyond the number of videos that was asked for",
        )
        for video in videos
        if video.video_id not in remain
    ]


def _dropped(video: Video, selection: Selection) -> bool:
    if not selection.drop_same_source or video.split != "train":
        return False
    straddling = set().union(*straddling_groups())
    return bool(straddling & {video.target, video.source})


def _limited(videos: list[Video], selection: Selection) -> list[Video]:
    """Keeps the wanted number of videos of each class, from all methods as evenly as possible."""
    classes = collections.defaultdict(lambda: collections.defaultdict(list))
    for video in sorted(videos, key=lambda video: _shuffled_rank(video.video_id)):
        classes[video.split, video.label][video.method].append(video)
    kept: list[Video] = []
    for (split, _), by_method in classes.items():
        train = split == "train"
        limit = selection.train_per_class if train else selection.held_out_per_class
        kept.extend(itertools.islice(_in_turn(by_method.values()), limit or None))
    return sorted(kept, key=lambda video: (video.method, video.name))


def _in_turn(lists: Iterable[Sequence[Video]]) -> Iterable[Video]:
    rounds = itertools.zip_longest(*lists)
    return (video for each in rounds for video in each if video is not None)


def _shuffled_rank(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
