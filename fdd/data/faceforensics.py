"""FaceForensics++ as it lies on disk: folders, file names, splits; what makes a data set of it."""

import collections
import dataclasses
import functools
import hashlib
import importlib.resources
import itertools
import json
import pathlib
import re
from collections.abc import Iterable, Sequence

from fdd.data import splits
from fdd.data.catalog import Video
from fdd.errors import UserError
from fdd.video.preprocessing import Preprocessing

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
DEEP_FAKE_DETECTION = "DeepFakeDetection"
ALL_METHODS = (*METHODS, "FaceShifter", DEEP_FAKE_DETECTION)
COMPRESSIONS = {"raw": ("raw", "c0"), "c23": ("c23",), "c40": ("c40",)}

# DeepFakeDetection comes without splits. Its actors are numbered 01 to 28.
_ACTOR_SPLITS = {
    **{f"{actor:02d}": "train" for actor in range(1, 17)},
    **{f"{actor:02d}": "validation" for actor in range(17, 23)},
    **{f"{actor:02d}": "test" for actor in range(23, 29)},
}
_SEQUENCE = re.compile(r"(?P<target>\d{3})")
_SEQUENCE_FAKE = re.compile(r"(?P<target>\d{3})_(?P<source>\d{3})")
_ACTOR = re.compile(r"(?P<actor>\d\d)__(?P<scene>\w+)")
_ACTOR_FAKE = re.compile(r"(?P<actor>\d\d)_(?P<source>\d\d)__(?P<scene>\w+)__(?P<id>[A-Z0-9]{8})")

LAYOUT = """\
original_sequences/youtube/<compression>/videos/000.mp4
manipulated_sequences/<method>/<compression>/videos/000_003.mp4"""

HOW_TO_OBTAIN = f"""\
FaceForensics++ is given out by its authors to researchers who agree to its terms: fill in the
form at https://github.com/ondyari/FaceForensics and run the download script that is sent to you.
manual_dir is the folder that the script wrote:
{LAYOUT}
where <compression> is raw (or c0), c23 or c40. A part of it will do: the methods and videos that
are there are built."""


@dataclasses.dataclass(frozen=True)
class Selection:
    """Which videos of FaceForensics++ make a data set.

    Attributes:
        compression: 'raw' (its folder may be called c0), 'c23' or 'c40'.
        methods: Names of the forgery methods. DeepFakeDetection brings the originals of its
            actors along; any other method, those from YouTube.
        drop_same_source: Leave out training videos that show footage from the same source video
            as a video of another split; the official splits have seven such groups.
        train_per_class: At most so many real and so many fake videos for training; 0: all.
        held_out_per_class: Likewise for validation, and for test.
    """

    compression: str = "c23"
    methods: tuple[str, ...] = METHODS
    drop_same_source: bool = False
    train_per_class: int = 0
    held_out_per_class: int = 0

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
    """The groups of `same_source_groups` whose ids are in more than one official split."""
    return [g for g in same_source_groups() if len({splits.official_split(i) for i in g}) > 1]


def config_name(selection: Selection, spec: Preprocessing) -> str:
    """Name of the builder's config with these settings, also its folder's name."""
    parts = [selection.compression, spec.name()]
    if selection.methods != METHODS:
        parts.append("+".join(selection.methods))
    if selection.drop_same_source:
        parts.append("strict")
    if selection.train_per_class or selection.held_out_per_class:
        parts.append(f"most{selection.train_per_class}+{selection.held_out_per_class}")
    return "-".join(parts)


def expected_counts(selection: Selection) -> dict[tuple[str, str], int | None]:
    """Number of videos of each (split, method) in the complete data set, before any limit.

    None where it is not known: DeepFakeDetection's list of fakes is not published.
    """
    return {
        (split, method): None
        if method in ("actors", DEEP_FAKE_DETECTION)
        else 2 * len(splits.official_pairs(split))
        for split in splits.SPLITS
        for method in (*selection.originals, *selection.methods)
    }


def find_videos(root: pathlib.Path, selection: Selection) -> list[Video]:
    """Lists the videos that a user holds.

    Fakes whose target and source are in different splits are left out: they belong to none.

    Args:
        root: Folder with `original_sequences` and `manipulated_sequences`.
        selection: What is wanted.

    Returns:
        What is there of it, sorted by (method, name).

    Raises:
        UserError: nothing is there, or a method that is none of FaceForensics++'s has no folder.
    """
    for method in selection.methods:
        folder = root / "manipulated_sequences" / method
        if method not in ALL_METHODS and not folder.is_dir():
            raise UserError(
                f"unknown method '{method}': it is none of {', '.join(ALL_METHODS)}, and there is "
                f"no folder {folder}"
            )
    videos = []
    for kind, methods in (("original", selection.originals), ("manipulated", selection.methods)):
        for method in methods:
            folder = root / f"{kind}_sequences" / method
            for path in _files(folder, selection.compression):
                video = _video(path, kind == "original", method, selection.compression)
                if video:
                    videos.append(video)
    if not videos:
        expected = LAYOUT.replace("<compression>", selection.compression).splitlines()
        raise UserError(
            f"no {selection.compression} video of FaceForensics++ under {root}: expected "
            f"{' and '.join(expected)} there (to get the data: "
            "https://github.com/ondyari/FaceForensics)"
        )
    videos = _with_masks(root, sorted(videos, key=lambda video: (video.method, video.name)))
    return _limited([v for v in videos if not _dropped(v, selection)], selection)


def people(target: str, source: str) -> set[str]:
    """Who is in a video: sequence ids ('071') or actors ('actor 03').

    Args:
        target: `Video.target`.
        source: `Video.source`.
    """
    names = set()
    for identity in (target, source):
        actor = _ACTOR.fullmatch(identity)
        if actor or re.fullmatch(r"\d\d", identity):
            names.add(f"actor {actor['actor'] if actor else identity}")
        elif identity:
            names.add(identity)
    return names


def _files(folder: pathlib.Path, compression: str) -> list[pathlib.Path]:
    """Videos in any of the compression's folders; of two with one name, the first folder's."""
    found: dict[str, pathlib.Path] = {}
    for name in COMPRESSIONS[compression]:
        for path in (folder / name / "videos").glob("*.mp4"):
            found.setdefault(path.name, path)
    return sorted(found.values())


def _video(path: pathlib.Path, real: bool, method: str, compression: str) -> Video | None:
    """The video's place in the data set; None for a file that has none."""
    name = path.stem
    if match := (_ACTOR if real else _ACTOR_FAKE).fullmatch(name):
        actor, source = match["actor"], "" if real else match["source"]
        target = f"{actor}__{match['scene']}"
        split = _ACTOR_SPLITS.get(actor)
        same = not source or _ACTOR_SPLITS.get(source) == split
    elif match := (_SEQUENCE if real else _SEQUENCE_FAKE).fullmatch(name):
        target, source = match["target"], "" if real else match["source"]
        split = splits.official_split(target)
        same = not source or splits.official_split(source) == split
    else:
        return None
    if split is None or not same:
        return None
    label = "real" if real else "fake"
    return Video(str(path), label, method, name, target, source, split, compression)


def _with_masks(root: pathlib.Path, videos: list[Video]) -> list[Video]:
    """Tells each real video which file shows where its face was replaced, if one is held."""
    masks = {}
    for video in videos:
        if video.label == "fake":
            mask = root / "manipulated_sequences" / video.method / f"masks/videos/{video.name}.mp4"
            if mask.exists():
                masks.setdefault(video.target, str(mask))
    return [dataclasses.replace(video, mask=masks.get(video.target, "")) for video in videos]


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
