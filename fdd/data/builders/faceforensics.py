"""FaceForensics++: its methods, which videos make a data set, and who is in them."""

import collections
import dataclasses
import functools
import importlib.resources
import json
import re
from collections.abc import Mapping

from fdd.data import layouts, splits
from fdd.video.preprocessing import Preprocessing

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
DEEP_FAKE_DETECTION = "DeepFakeDetection"
ALL_METHODS = (*METHODS, "FaceShifter", DEEP_FAKE_DETECTION)
COMPRESSIONS = {"raw": ("raw", "c0"), "c23": ("c23",), "c40": ("c40",)}

ACTOR = re.compile(r"(?P<actor>\d\d)__(?P<scene>\w+)")
"""Name of a real video of DeepFakeDetection."""

ACTOR_FAKE = re.compile(r"(?P<actor>\d\d)_(?P<source>\d\d)__(?P<scene>\w+)__(?P<id>[A-Z0-9]{8})")
"""Name of a fake of DeepFakeDetection."""

HOW_TO_OBTAIN = f"""\
FaceForensics++ is given out by its authors to researchers who agree to its terms: fill in the
form at https://github.com/ondyari/FaceForensics and run the download script that is sent to you.
manual_dir is the folder that the script wrote, or one of the other copies that people hold:
{layouts.looked_for(layouts.FACE_FORENSICS)}
where <compression> is raw (or c0), c23 or c40. A part of it is enough: the methods and videos that
are there are used."""


@dataclasses.dataclass(frozen=True)
class Selection:
    """Which videos of FaceForensics++ make a data set.

    Attributes:
        compression: 'raw' (its folder may be called c0), 'c23' or 'c40'.
        methods: Names of the forgery methods. DeepFakeDetection adds its actors' originals; any
            other method adds the originals from YouTube.
        drop_same_source: Leave out training videos that show footage from the same source video
            as a video of another split; the official splits have seven such groups.
        train_per_class: Maximum number of real and of fake videos for training; 0: no limit.
        held_out_per_class: The same for validation and for test.
        splits_file: JSON that says which videos are in which split (`fdd.data.splits_file`); ''
            for the official splits.
    """

    compression: str = "c23"
    methods: tuple[str, ...] = METHODS
    drop_same_source: bool = False
    train_per_class: int = 0
    held_out_per_class: int = 0
    splits_file: str = ""

    def __post_init__(self):
        if self.compression not in COMPRESSIONS:
            known = ", ".join(COMPRESSIONS)
            raise ValueError(f"compression must be one of {known}, not '{self.compression}'")
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise ValueError("methods must name at least one forgery method, and none twice")

    @property
    def originals(self) -> tuple[str, ...]:
        """The folders of real videos that belong to the methods."""
        actors = DEEP_FAKE_DETECTION in self.methods
        youtube = set(self.methods) != {DEEP_FAKE_DETECTION}
        return ("youtube",) * youtube + ("actors",) * actors


@functools.cache
def same_source_groups() -> tuple[frozenset[str], ...]:
    """Groups of sequence ids that were cut from one source video, 22 of them."""
    file = importlib.resources.files("fdd.data") / "official_splits/same_source_video.json"
    return tuple(frozenset(group) for group in json.loads(file.read_text()))


def straddling_groups() -> list[frozenset[str]]:
    """The groups in `same_source_groups` with ids in more than one official split."""
    return [g for g in same_source_groups() if len({splits.official_split(i) for i in g}) > 1]


def config_name(selection: Selection, spec: Preprocessing, splits_digest: str = "") -> str:
    """Name of the builder's config with these settings; its folder has the same name.

    Args:
        selection: Which videos.
        spec: How clips are cut.
        splits_digest: Digest of the selection's splits file.
    """
    parts = [selection.compression, spec.name()]
    if selection.methods != METHODS:
        parts.append("+".join(selection.methods))
    if selection.drop_same_source:
        parts.append("strict")
    if selection.train_per_class or selection.held_out_per_class:
        parts.append(f"most{selection.train_per_class}+{selection.held_out_per_class}")
    if splits_digest:
        parts.append(f"splits{splits_digest}")
    return "-".join(parts)


def expected_counts(
    selection: Selection, given: Mapping[tuple[str, str], str] | None = None
) -> dict[tuple[str, str], int | None]:
    """Number of videos of each (split, method) in the complete data set, before any limit.

    It is None if it is not known: DeepFakeDetection's list of fakes is not published.

    Args:
        selection: Which videos.
        given: The split of each (method, video) if the official splits are not used.
    """
    if given is not None:
        counts = collections.Counter((split, method) for (method, _), split in given.items())
        wanted = (*selection.originals, *selection.methods)
        return {(split, m): counts[split, m] for split in splits.SPLITS for m in wanted}
    return {
        (split, method): None
        if method in ("actors", DEEP_FAKE_DETECTION)
        else 2 * len(splits.official_pairs(split))
        for split in splits.SPLITS
        for method in (*selection.originals, *selection.methods)
    }


def people(target: str, source: str) -> set[str]:
    """Who is in a video: sequence ids ('071') or actors ('actor 03').

    Args:
        target: `Video.target`.
        source: `Video.source`.
    """
    names = set()
    for identity in (target, source):
        actor = ACTOR.fullmatch(identity)
        if actor or re.fullmatch(r"\d\d", identity):
            names.add(f"actor {actor['actor'] if actor else identity}")
        elif identity:
            names.add(identity)
    return names
