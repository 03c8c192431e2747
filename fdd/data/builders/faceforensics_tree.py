"""A FaceForensics++ tree as it lies on disk: which files are videos of it, and of which split."""

import collections
import dataclasses
import hashlib
import itertools
import os
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

from fdd.data import identical, places, splits
from fdd.data.builders.faceforensics import (
    ACTOR,
    ALL_METHODS,
    COMPRESSIONS,
    LAYOUT,
    Selection,
    expected_counts,
    straddling_groups,
)
from fdd.data.catalog import Holdings, Video
from fdd.errors import UserError
from fdd.tables import escaped
from fdd.video import files
from fdd.video.files import File, Ignored

_KINDS = ("original_sequences", "manipulated_sequences")

# DeepFakeDetection comes without splits. Its actors are numbered 01 to 28.
_ACTOR_SPLITS = {
    **{f"{actor:02d}": "train" for actor in range(1, 17)},
    **{f"{actor:02d}": "validation" for actor in range(17, 23)},
    **{f"{actor:02d}": "test" for actor in range(23, 29)},
}
_SEQUENCE = re.compile(r"(?P<target>\d{3})")
_SEQUENCE_FAKE = re.compile(r"(?P<target>\d{3})_(?P<source>\d{3})")
_ACTOR_FAKE = re.compile(r"(?P<actor>\d\d)_(?P<source>\d\d)__(?P<scene>\w+)__(?P<id>[A-Z0-9]{8})")


def survey(root: pathlib.Path, selection: Selection) -> Holdings:
    """Looks through what a user holds.

    Fakes whose target and source are in different splits are left out: they belong to none.

    Args:
        root: Folder with `original_sequences` and `manipulated_sequences`, or one above it.
        selection: What is wanted.

    Returns:
        What is there of it, the videos sorted by (method, name).

    Raises:
        UserError: nothing is there, a method that is none of FaceForensics++'s has no folder, or
            two videos that must differ are the same.
    """
    root = places.locate(root, _holds_sequences)
    found, ignored = files.walk(root)
    _refuse_unknown_methods(root, found, selection)
    here, candidates, masks = _sort(root, found, selection)
    chosen, others = places.one_of_each(candidates)
    ignored += [*here, *others]
    videos = []
    for (method, real, name), file in chosen.items():
        place = _place(name, real)
        if isinstance(place, str):
            ignored.append(Ignored(file.path, place))
            continue
        target, source, split = place
        path, label = str(root / file.path), "real" if real else "fake"
        videos.append(
            Video(path, label, method, name, target, source, split, selection.compression)
        )
    if not videos:
        expected = LAYOUT.replace("<compression>", selection.compression).splitlines()
        raise UserError(
            f"no {selection.compression} video of FaceForensics++ under {escaped(str(root))}: "
            f"expected {' and '.join(expected)} there, but {places.there_is(root)}"
            f"{places.within(root, _KINDS)} (to get the data: "
            "https://github.com/ondyari/FaceForensics)"
        )
    videos.sort(key=lambda video: (video.method, video.name))
    videos, copies, warning = identical.settle(root, videos, refuse_copies=False)
    ignored += copies
    videos, unused = _with_masks(root, videos, masks)
    ignored += [Ignored(path, "a mask that is not needed") for path in unused]
    kept = _limited([v for v in videos if not _dropped(v, selection)], selection)
    ignored += _left_out(root, videos, kept, selection)
    return Holdings(kept, expected_counts(selection), sorted(ignored), warning)


def _holds_sequences(folder: pathlib.Path) -> bool:
    return any(inner.name.lower() in _KINDS for inner in places.folders(folder))


def _refuse_unknown_methods(
    root: pathlib.Path, found: Sequence[File], selection: Selection
) -> None:
    unknown = [method for method in selection.methods if method not in ALL_METHODS]
    if not unknown:
        return
    parts = (file.path.split("/") for file in found)
    held = {p[1] for p in parts if p[0].lower() == "manipulated_sequences" and len(p) > 2}
    for method in unknown:
        if method not in held:
            raise UserError(
                f"unknown method '{method}': it is none of {', '.join(ALL_METHODS)}, and there is "
                f"no folder {root / 'manipulated_sequences' / method} with files in it"
            )


def _sort(
    root: pathlib.Path, found: Sequence[File], selection: Selection
) -> tuple[list[Ignored], list[tuple[tuple[str, bool, str], File, int]], dict[str, str]]:
    """Divides files into those passed over, those of videos, and masks by method/name.

    The second are what `places.one_of_each` takes: (method, is real, name), the file, a rank.
    """
    wanted = {("original_sequences", method.lower()): method for method in selection.originals}
    wanted |= {("manipulated_sequences", method.lower()): method for method in selection.methods}
    compressions = COMPRESSIONS[selection.compression]
    ignored, candidates, masks = [], [], {}
    for file in found:
        kind, method, compression, folder, *rest = (*file.path.split("/"), "", "", "", "")[:5]
        kind, compression, name = kind.lower(), compression.lower(), rest[0] if rest else ""
        if why := files.why_no_video(root, file.path):
            ignored.append(Ignored(file.path, why))
        elif kind not in _KINDS:
            ignored.append(Ignored(file.path, f"outside {' and '.join(_KINDS)}"))
        elif (kind, method.lower()) not in wanted:
            ignored.append(Ignored(file.path, f"of a method that was not asked for: {method}"))
        elif folder.lower() != "videos" or file.path.count("/") != 4:
            ignored.append(Ignored(file.path, "not in <method>/<compression>/videos"))
        elif compression == "masks":
            video_id = f"{wanted[kind, method.lower()]}/{_stem(name)}"
            if masks.setdefault(video_id, file.path) != file.path:
                ignored.append(Ignored(file.path, f"another mask of a video: {video_id}"))
        elif compression not in compressions:
            ignored.append(Ignored(file.path, f"of a compression not asked for: {compression}"))
        else:
            what = (wanted[kind, method.lower()], kind == "original_sequences", _stem(name))
            candidates.append((what, file, compressions.index(compression)))
    return ignored, candidates, masks


def _stem(name: str) -> str:
    return files.original_name(os.path.splitext(name)[0])


def _place(name: str, real: bool) -> tuple[str, str, str] | str:
    """(target, source, split) of a video by its name; or why it has none."""
    if match := (ACTOR if real else _ACTOR_FAKE).fullmatch(name):
        actor, source = match["actor"], "" if real else match["source"]
        target = f"{actor}__{match['scene']}"
        split, other = _ACTOR_SPLITS.get(actor), _ACTOR_SPLITS.get(source)
    elif match := (_SEQUENCE if real else _SEQUENCE_FAKE).fullmatch(name):
        target, source = match["target"], "" if real else match["source"]
        split, other = splits.official_split(target), splits.official_split(source)
    else:
        return "not named as a video of FaceForensics++, 000.mp4 or 000_003.mp4"
    if split is None:
        return "of an actor who is not in FaceForensics++"
    if source and other != split:
        return "its target and its source are in different splits"
    return target, source, split


def _with_masks(
    root: pathlib.Path, videos: list[Video], held: Mapping[str, str]
) -> tuple[list[Video], list[str]]:
    """Tells each real video which file shows where its face was replaced, if one is held.

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
    """Keeps so many of each class as the selection allows, the methods as evenly as they allow."""
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
