"""Reading and writing DeepfakeBench's JSON of splits.

{data set: {label: {split: {compression: {video: {"label": label, "frames": [path, …]}}}}}}

Several methods use the same names of videos. So a video is identified by its method, which follows
from the label, and its name.
"""

import collections
import hashlib
import json
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fdd.data import text_files
from fdd.data.builders.faceforensics import COMPRESSIONS, DEEP_FAKE_DETECTION, Selection
from fdd.data.splits import SPLITS, split_named
from fdd.errors import UserError
from fdd.tables import escaped
from fdd.video import stored

_FACE_FORENSICS = "FaceForensics++"
_METHODS = {
    "FF-real": "youtube",
    "FF-DF": "Deepfakes",
    "FF-F2F": "Face2Face",
    "FF-FS": "FaceSwap",
    "FF-NT": "NeuralTextures",
    "FF-FH": "FaceShifter",
    "DFD_real": "actors",
    "DFD_fake": DEEP_FAKE_DETECTION,
}
_LABELS = {method: label for label, method in _METHODS.items()}
_FRAME = re.compile(
    r"(?:original|manipulated)_sequences/(?P<method>[^/]+)/(?P<compression>[^/]+)/frames/"
    r"(?P<video>[^/]+)/(?P<name>[^/]+)$",
    re.IGNORECASE,
)
_SPLITS = {"train": "train", "validation": "val", "test": "test"}

Key = tuple[str, str]
"""(method, video)"""


def read(text: str, name: str, compression: str, methods: Iterable[str] = ()) -> dict[Key, str]:
    """The split of each video.

    Args:
        text: The file's text.
        name: The file's name, for messages.
        compression: The one to read: 'raw', 'c23' or 'c40'.
        methods: Labels that are used as names of methods, besides those of DeepfakeBench.

    Returns:
        'train', 'validation' or 'test' by (method, video).

    Raises:
        UserError: the text is not understood, puts a video into two splits, or names no video of
            the compression.
    """
    methods = {**{m: m for m in (*_LABELS, *methods)}, **_METHODS}
    by_label = {label.lower(): method for label, method in methods.items()}
    found: dict[Key, str] = {}
    others = set()
    for label, said, held, video in _entries(text_files.json_object(text, name), name):
        method, split = by_label.get(label.lower()), split_named(said)
        if method is None:
            raise UserError(
                f"{name}: the label '{escaped(label)}' is none of {', '.join(_METHODS)}"
            )
        if split is None:
            raise UserError(
                f"{name}: the split '{escaped(said)}' of {escaped(label)} is none of "
                f"{', '.join(SPLITS)}"
            )
        if held.lower() != compression:
            others.add(held)
        elif found.setdefault((method, video), split) != split:
            raise UserError(
                f"{name}: {escaped(label)} has '{escaped(video)}' in {found[method, video]} and in "
                f"{split}"
            )
    if not found:
        held = f", only of {', '.join(map(escaped, sorted(others)))}" if others else ""
        raise UserError(f"{name} names no video of the compression {compression}{held}")
    return found


def _entries(content: Mapping[str, Any], name: str) -> Iterator[tuple[str, str, str, str]]:
    """Yields (label, split, compression, video) of each video."""
    level: list[tuple[tuple[str, ...], Any]] = [((), content)]
    for what in ("data set", "label", "split", "compression"):
        deeper = []
        for path, inner in level:
            if not isinstance(inner, dict):
                where = " / ".join(map(escaped, path)) or "the whole"
                raise UserError(
                    f"{name} is not understood: {where} is no object with a name for each {what}; "
                    "expected {data set: {label: {split: {compression: {video: …}}}}}"
                )
            deeper += [((*path, key), value) for key, value in inner.items()]
        level = deeper
    for (_, label, split, compression), videos in level:
        if not isinstance(videos, dict):
            raise UserError(
                f"{name} is not understood: {escaped(label)} / {escaped(split)} / "
                f"{escaped(compression)} is no object with a name for each video"
            )
        for video in videos:
            yield label, split, compression, video


def of_selection(selection: Selection) -> dict[Key, str] | None:
    """The splits in the selection's file; None if it has no file.

    Raises:
        UserError: the file cannot be read; or see `read`.
    """
    if not selection.splits_file:
        return None
    path = pathlib.Path(selection.splits_file).expanduser()
    text = text_files.read(path)
    return read(text, escaped(str(path)), selection.compression, selection.methods)


def digest(path: str) -> str:
    """Eight hexadecimal digits that depend on a file's contents.

    Raises:
        UserError: it cannot be read.
    """
    text = text_files.read(pathlib.Path(path).expanduser())
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def write(rows: Mapping[str, Iterable[Mapping[str, Any]]], sources: Iterable[str] = ()) -> str:
    """The splits of a built data set, as text that `read` takes.

    Args:
        rows: The records' fields by split, from `fdd.data.records.Dataset.metadata`.
        sources: Paths of the files that it was built from (`fdd.data.identity.read_sources`).

    Returns:
        JSON. For a video of stored frames, `frames` lists their paths in the order of their
        numbers, with the folder FaceForensics++ in front, as in DeepfakeBench. A video file has no
        `frames`. A method that has no label in DeepfakeBench is its own label.

    Raises:
        UserError: the data set is not one of FaceForensics++.
    """
    frames = _frames(sources)
    nested: Any = collections.defaultdict(
        lambda: collections.defaultdict(
            lambda: collections.defaultdict(lambda: collections.defaultdict(dict))
        )
    )
    for split, records in rows.items():
        for record in records:
            method, _, video = record["video_id"].partition("/")
            if not record["compression"]:
                raise UserError(
                    f"{escaped(record['video_id'])} has no compression, as videos of "
                    "FaceForensics++ have: only its splits can be written"
                )
            label = _LABELS.get(method, method)
            dataset = DEEP_FAKE_DETECTION if label.startswith("DFD") else _FACE_FORENSICS
            entry: dict[str, Any] = {"label": label}
            if held := frames.get((method, video, record["compression"])):
                entry["frames"] = held
            nested[dataset][label][_SPLITS[split]][record["compression"]][video] = entry
    return json.dumps(nested, indent=1, sort_keys=True) + "\n"


def _frames(sources: Iterable[str]) -> dict[tuple[str, str, str], list[str]]:
    """Paths of stored frames by (method, video, compression), in the order of their numbers."""
    methods = {method.lower(): method for method in _LABELS}
    names = {old: name for name, olds in COMPRESSIONS.items() for old in olds}
    found: Any = collections.defaultdict(list)
    for path in sources:
        match = _FRAME.search(path)
        if match and stored.is_picture(match["name"]):
            method = methods.get(match["method"].lower(), match["method"])
            compression = match["compression"].lower()
            key = method, match["video"], names.get(compression, compression)
            number = int(match["name"].partition(".")[0])
            found[key].append((number, f"{_FACE_FORENSICS}/{match[0]}"))
    return {key: [path for _, path in sorted(frames)] for key, frames in found.items()}
