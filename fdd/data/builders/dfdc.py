"""DFDC on disk: the full set, its test sets and the preview, each with its own lists.

References:
    Dolhansky, Bitton, Pflaum, Lu, Howes, Wang and Canton Ferrer, The DeepFake Detection Challenge
    (DFDC) Dataset, arXiv:2006.07397; Dolhansky, Howes, Pflaum, Baram and Canton Ferrer, The
    Deepfake Detection Challenge (DFDC) Preview Dataset, arXiv:1910.08854.
"""

import collections
import dataclasses
import json
import pathlib
import posixpath
from collections.abc import Collection, Mapping
from typing import Any

from fdd.data import identical, layouts, places, text_files
from fdd.data.catalog import Holdings, Video
from fdd.data.splits import SPLITS, split_named
from fdd.errors import UserError
from fdd.tables import escaped
from fdd.video import files
from fdd.video.files import File

PREVIEW_LIST, FULL_LIST, TEST_LIST = "dataset.json", "metadata.json", "labels.csv"
HOMEPAGE = "https://ai.meta.com/datasets/dfdc/"

_LISTS = (PREVIEW_LIST, FULL_LIST, TEST_LIST)
_LABELS = {"real": "real", "fake": "fake", "0": "real", "1": "fake"}
_IS_FAKE = {"0": "real", "1": "fake", "false": "real", "true": "fake"}
_COLUMNS = {  # Names that spreadsheets and competitions use.
    "filename": ("filename", "file", "file_name", "video", "name", "path", "id", "uri"),
    "label": ("label", "labels", "is_fake", "class", "target"),
    "split": ("split", "set", "subset"),
    "original": ("original",),
}

HOW_TO_OBTAIN = f"""\
DFDC is given out by Meta to those who agree to its terms: {HOMEPAGE}. manual_dir
is a folder with any of these, itself or at most two folders down:
{layouts.looked_for((layouts.DFDC, layouts.DFDC_PREVIEW))}
A part of it is enough: the videos that are there are used."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a list says about a video.

    Attributes:
        file: Path of the video from the list's folder.
        label: 'real' or 'fake'.
        split: 'train', 'validation' or 'test'.
        method: The folder, in the preview; elsewhere 'real' or 'fake', since no list says which
            method was used.
        original: File that a fake was made from; '' if it is not given.
        person: Who is in the video; '' if it is not given.
        source: Whose face a fake shows; '' if it is not given.
        says_split: Whether the list gives the split; otherwise it is 'test' by default.
    """

    file: str
    label: str
    split: str
    method: str
    original: str = ""
    person: str = ""
    source: str = ""
    says_split: bool = dataclasses.field(default=True, compare=False)


def read_entry(file: str, values: Any) -> Entry:
    """Reads one entry of metadata.json or dataset.json.

    The lists name the label `label` (real or fake, in either case) or `is_fake` (0 or 1), and the
    split `split` or `set`. A video without a split is 'test'.

    Args:
        file: The entry's name.
        values: What the list says about the video.

    Raises:
        UserError: the label or the split is missing or unknown.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"'{escaped(file)}' should have a label and has {json.dumps(values)[:80]}")
    key, labels = ("is_fake", _IS_FAKE) if "is_fake" in values else ("label", _LABELS)
    label = labels.get(str(values.get(key)).strip().lower().removesuffix(".0"))
    if label is None:
        raise UserError(
            f"'{escaped(file)}' is neither real nor fake: it needs a label, REAL or FAKE, or "
            "is_fake, 0 or 1"
        )
    said = _text(values, "split") or _text(values, "set")
    split = split_named(said or "test")
    if split is None:
        raise UserError(
            f"'{escaped(file)}' has the unknown split '{escaped(said)}', none of "
            f"{', '.join(SPLITS)}"
        )
    method = label
    if "target_id" in values or "set" in values:
        method = file.split("/")[0] if "/" in file else f"preview_{label}"
    return Entry(
        file=file,
        label=label,
        split=split,
        method=method,
        original=_text(values, "original") if label == "fake" else "",
        person=_text(values, "target_id"),
        source=_text(values, "swapped_id") if label == "fake" else "",
        says_split=bool(said),
    )


def read_entries(text: str, name: str) -> list[Entry]:
    """Reads metadata.json, dataset.json or labels.csv.

    Args:
        text: The file's text.
        name: The file's name; its ending decides between JSON and a table.

    Raises:
        UserError: the text is of another form, with the first thing that is not understood.
    """
    if not name.lower().endswith(".csv"):
        entries = text_files.json_object(text, name).items()
        return [_entry(file, values, f"{name} is not understood") for file, values in entries]
    found: dict[str, Entry] = {}
    for line, row in text_files.table(text, name, _COLUMNS, optional=2):
        where = f"{name}, line {line}"
        entry = _entry(row["filename"], row, where)
        if found.setdefault(entry.file, entry) != entry:
            raise UserError(f"{where}: another line contradicts it on '{escaped(entry.file)}'")
    return list(found.values())


def _entry(file: str, values: Any, where: str) -> Entry:
    if not file.strip():
        raise UserError(f"{where}: a file's name is missing")
    try:
        return read_entry(file, values)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def survey(root: pathlib.Path) -> Holdings:
    """Finds the videos in a user's folder.

    A video is named by its path from `root`. A fake's target is its original, or the person it
    shows if only that is known.

    Args:
        root: Folder with lists of videos in it, at most two folders down.

    Returns:
        The videos that the lists name and that are there, sorted by (method, name); and how many
        videos of each (split, method) the lists name.

    Raises:
        UserError: nothing is there, a list is not understood, or two videos that must differ are
            the same.
    """
    root = places.locate(root, pathlib.Path.is_dir)
    found, ignored = files.walk(root)
    lists = sorted(filter(None, map(_as_list, found)))
    index = _Index(found)
    named: dict[str, tuple[str, str]] = {}
    splits: dict[str, str] = {}  # By path, where a list gives one.
    videos: dict[str, Video] = {}
    for *_, list_path in lists:
        folder = posixpath.dirname(list_path)
        for entry in read_entries(text_files.read(root / list_path), str(root / list_path)):
            inside = _inside(folder, entry.file)
            named.setdefault(inside, (entry.split, entry.method))
            if (path := index.find(folder, inside)) is None:
                continue
            _check_split(splits, str(root / path), entry)
            video = _video(str(root / path), folder, inside, entry)
            if videos.setdefault(path, video).label != entry.label:
                raise UserError(
                    f"one list calls {escaped(str(root / path))} real and another one fake"
                )
    if not videos:
        raise UserError(
            f"no video of DFDC under {escaped(str(root))}: expected "
            f"{layouts.looked_for((layouts.DFDC, layouts.DFDC_PREVIEW))}, but "
            f"{places.there_is(root)} (to get the data: {HOMEPAGE})"
        )
    used = [*videos, *(list_path for *_, list_path in lists)]
    ignored += places.unused(root, found, used, "named in no list")
    ordered = sorted(videos.values(), key=lambda video: (video.method, video.name))
    ordered, copies, warning = identical.settle(root, ordered, refuse_copies=False)
    counts = collections.Counter(named.values())
    expected = sorted(counts.items(), key=lambda item: (SPLITS.index(item[0][0]), item[0][1]))
    kinds = {number == 0: None for number, *_ in lists}  # The preview's list is the first.
    held = tuple(layouts.DFDC_PREVIEW if preview else layouts.DFDC for preview in sorted(kinds))
    return Holdings(
        videos=ordered,
        expected=dict(expected),
        ignored=sorted([*ignored, *copies]),
        warning=warning,
        layouts=held,
        root=root,
    )


def _check_split(splits: dict[str, str], path: str, entry: Entry) -> None:
    """Checks that no other list gives a video another split; stores the entry's."""
    if entry.says_split and (first := splits.setdefault(path, entry.split)) != entry.split:
        raise UserError(
            f"one list puts {escaped(path)} into {first} and another one into {entry.split}"
        )


def _as_list(file: File) -> tuple[int, int, str] | None:
    """A sort key that puts json files before csv files, and the path; None for other files."""
    depth, name = file.path.count("/"), posixpath.basename(file.path).lower()
    if depth > 2 or name not in _LISTS:
        return None
    return _LISTS.index(name), depth, file.path


def _inside(folder: str, file: str) -> str:
    """A listed file's path from the root; for a path outside of it, the name beside the list."""
    file = file.replace("\\", "/")
    path = posixpath.normpath(posixpath.join(folder, file))
    if path.startswith(("/", "../")) or path in ("..", "."):
        path = posixpath.join(folder, posixpath.basename(file))
    return path


class _Index:
    """Finds files by their names in lists."""

    def __init__(self, found: Collection[File]):
        self._paths = {file.path for file in found}
        self._others: dict[str, str] = {}  # In lower case, with and without the ending.
        for file in found:
            if files.is_video(file.path):
                for key in (file.path, posixpath.splitext(file.path)[0]):
                    self._others.setdefault(key.lower(), file.path)

    def find(self, folder: str, path: str) -> str | None:
        """The file itself, or the one in a folder `videos` between its first folder and it."""
        rest = posixpath.relpath(path, folder or ".")
        first, _, last = rest.rpartition("/")[0].partition("/")
        name = rest.rpartition("/")[2]
        tried = (path, posixpath.normpath(posixpath.join(folder, first, "videos", last, name)))
        for place in tried:
            if place in self._paths:
                return place
        return next((self._others[p.lower()] for p in tried if p.lower() in self._others), None)


def _video(path: str, folder: str, inside: str, entry: Entry) -> Video:
    def name_of(file: str) -> str:
        return posixpath.splitext(file)[0] if files.is_video(file) else file

    name = name_of(inside)
    if entry.method not in ("real", "fake"):  # The preview's folder is in the id already.
        name = name.replace(f"{entry.method}/", "", 1)
    original = entry.original and name_of(_inside(folder, entry.original))
    name, target, source = map(escaped, (name, original or entry.person or name, entry.source))
    method = escaped(entry.method)
    video = Video(
        path=path,
        label=entry.label,
        method=method,
        name=name,
        target=target,
        source=source,
        split=entry.split,
        compression="",
    )
    if entry.method in ("real", "fake"):
        return video
    # The preview does not say which video a fake was made from, only who is in it.
    return dataclasses.replace(video, scene=video.video_id)


def _text(values: Mapping[str, Any], key: str) -> str:
    """A value as text; '' for what is missing, null or NaN."""
    value = values.get(key)
    return "" if value is None or value != value else str(value)
