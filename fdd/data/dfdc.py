"""DFDC as it lies on disk: the full set, its test sets and the preview, each with its own lists.

References:
    Dolhansky, Bitton, Pflaum, Lu, Howes, Wang and Canton Ferrer, The DeepFake Detection Challenge
    (DFDC) Dataset, arXiv:2006.07397; Dolhansky, Howes, Pflaum, Baram and Canton Ferrer, The
    Deepfake Detection Challenge (DFDC) Preview Dataset, arXiv:1910.08854.
"""

import collections
import csv
import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from fdd.data.catalog import Video
from fdd.data.splits import SPLITS
from fdd.errors import UserError

PREVIEW_LIST, FULL_LIST, TEST_LIST = "dataset.json", "metadata.json", "labels.csv"
HOMEPAGE = "https://ai.meta.com/datasets/dfdc/"

_LABELS = {"real": "real", "fake": "fake", "0": "real", "1": "fake"}
_IS_FAKE = {"0": "real", "1": "fake", "false": "real", "true": "fake"}
_SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}

LAYOUT = f"""\
dfdc_train_part_0/{FULL_LIST} with its videos beside it, likewise the other parts and test folders
test/{TEST_LIST} with its videos beside it or in test/videos
{PREVIEW_LIST} with method_A, method_B and original_videos beside it"""

HOW_TO_OBTAIN = f"""\
DFDC is given out by Meta to those who agree to its terms: {HOMEPAGE}. manual_dir
is a folder with any of these, itself or at most two folders down:
{LAYOUT}
A part of it will do: the videos that are there are built."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a list says of a video.

    Attributes:
        file: Path of the video from the list's folder.
        label: 'real' or 'fake'.
        split: 'train', 'validation' or 'test'.
        method: The preview's folder; 'real' or 'fake' elsewhere, where no list tells methods apart.
        original: File that a fake was made from; '' where that is not said.
        person: Whom the video shows; '' where that is not said.
        source: Whose face a fake shows; '' where that is not said.
    """

    file: str
    label: str
    split: str
    method: str
    original: str = ""
    person: str = ""
    source: str = ""


def read_entry(file: str, values: Any) -> Entry:
    """Understands one entry of metadata.json or dataset.json.

    The lists name the label `label` (real or fake, in either case) or `is_fake` (0 or 1), and the
    split `split` or `set`. A video without a split is 'test'.

    Args:
        file: The entry's name.
        values: What the list says of it.

    Raises:
        UserError: the label or the split is missing or unknown.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"'{file}' should have a label and has {json.dumps(values)[:80]}")
    key, labels = ("is_fake", _IS_FAKE) if "is_fake" in values else ("label", _LABELS)
    label = labels.get(str(values.get(key)).lower())
    if label is None:
        raise UserError(
            f"'{file}' is neither real nor fake: it needs a label, REAL or FAKE, or is_fake, 0 or 1"
        )
    split = _text(values, "split") or _text(values, "set") or "test"
    if split not in _SPLITS:
        raise UserError(f"'{file}' has the unknown split '{split}', none of {', '.join(SPLITS)}")
    method = label
    if "target_id" in values or "set" in values:
        method = file.split("/")[0] if "/" in file else f"preview_{label}"
    return Entry(
        file,
        label,
        _SPLITS[split],
        method,
        original=_text(values, "original") if label == "fake" else "",
        person=_text(values, "target_id"),
        source=_text(values, "swapped_id") if label == "fake" else "",
    )


def read_list(path: pathlib.Path) -> list[Entry]:
    """Reads metadata.json, dataset.json or labels.csv.

    Raises:
        UserError: the file is of another form, with the first thing in it that is not understood.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".csv":
            rows = csv.DictReader(text.splitlines())
            entries = {str(row.get("filename")): row for row in rows}
        else:
            entries = json.loads(text)
        if not isinstance(entries, Mapping):
            raise UserError("it does not map names of files to their labels")
        return [read_entry(file, values) for file, values in entries.items()]
    except (UserError, ValueError) as error:
        raise UserError(f"{path} is not understood: {' '.join(str(error).split())}") from None


def find_videos(root: pathlib.Path) -> list[Video]:
    """Lists the videos that a user holds.

    A video is named by its path from `root`. A fake's target is its original, or the person it
    shows where only that is known.

    Args:
        root: Folder with lists of videos in it, at most two folders down.

    Returns:
        What the lists name and is there, sorted by (method, name).

    Raises:
        UserError: nothing is there, or a list is not understood.
    """
    videos: dict[str, Video] = {}
    for list_path, entry in _entries(root):
        path = _on_disk(list_path.parent, entry.file)
        if path is not None:
            video = _video(root, list_path.parent, path, entry)
            if videos.setdefault(str(path), video).label != entry.label:
                raise UserError(f"one list calls {path} real and another one fake")
    if not videos:
        raise UserError(
            f"no video of DFDC under {root}: expected {'; or '.join(LAYOUT.splitlines())} (to get "
            f"the data: {HOMEPAGE})"
        )
    return sorted(videos.values(), key=lambda video: (video.method, video.name))


def expected_counts(root: pathlib.Path) -> dict[tuple[str, str], int | None]:
    """Number of videos of each (split, method) that the lists name.

    Args:
        root: As in `find_videos`.
    """
    named = {
        (list_path.parent / entry.file): (entry.split, entry.method)
        for list_path, entry in reversed(_entries(root))
    }
    counts = collections.Counter(named.values())
    return dict(sorted(counts.items(), key=lambda item: (SPLITS.index(item[0][0]), item[0][1])))


def _entries(root: pathlib.Path) -> list[tuple[pathlib.Path, Entry]]:
    """What all lists say, a folder's json file before its csv file."""
    found = []
    for name in (PREVIEW_LIST, FULL_LIST, TEST_LIST):
        for depth in ("", "*/", "*/*/"):
            for path in sorted(root.glob(f"{depth}{name}")):
                found.extend((path, entry) for entry in read_list(path))
    return found


def _on_disk(folder: pathlib.Path, file: str) -> pathlib.Path | None:
    first, _, rest = file.rpartition("/")[0].partition("/")
    name = file.rpartition("/")[2]
    places = [folder / file, folder / first / "videos" / rest / name]
    return next((place for place in places if place.is_file()), None)


def _video(root: pathlib.Path, folder: pathlib.Path, path: pathlib.Path, entry: Entry) -> Video:
    def name_of(file: str) -> str:
        return (folder / file).relative_to(root).with_suffix("").as_posix()

    name = name_of(entry.file)
    if entry.method not in ("real", "fake"):  # Already in the video's id, as its method.
        name = name.replace(f"{entry.method}/", "", 1)
    target = name_of(entry.original) if entry.original else entry.person or name
    video = Video(str(path), entry.label, entry.method, name, target, entry.source, entry.split, "")
    if entry.method in ("real", "fake"):
        return video
    # The preview does not say which video a fake was made from, only who is in it.
    return dataclasses.replace(video, scene=video.video_id)


def _text(values: Mapping[str, Any], key: str) -> str:
    """A value as text; '' for what is missing, null or NaN."""
    value = values.get(key)
    return "" if value is None or value != value else str(value)
