"""FaceForensics++ as it lies on disk."""

import pathlib
import re
from collections.abc import Sequence

from fdd.data import splits
from fdd.data.catalog import Video
from fdd.errors import UserError
from fdd.video.clips import Preprocessing

ORIGINALS = "youtube"
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
OTHER_METHODS = ("FaceShifter",)
COMPRESSIONS = {"raw": ("raw", "c0"), "c23": ("c23",), "c40": ("c40",)}

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

_DEFAULTS = Preprocessing()
_FAKE_NAME = re.compile(r"(\d{3})_(\d{3})")


def config_name(compression: str, methods: Sequence[str], spec: Preprocessing) -> str:
    """Name of the builder's config with these settings, also its folder's name."""
    clips = f"{spec.sampling}{spec.clips_per_video}x{spec.num_frames}"
    parts = [compression, spec.region, clips, f"{spec.image_size}px"]
    if spec.margin != _DEFAULTS.margin:
        parts.append(f"margin{spec.margin:g}")
    if spec.jpeg_quality != _DEFAULTS.jpeg_quality:
        parts.append(f"quality{spec.jpeg_quality}")
    if tuple(methods) != METHODS:
        parts.append("+".join(methods))
    return "-".join(parts)


def expected_counts(methods: Sequence[str]) -> dict[tuple[str, str], int]:
    """Number of videos of each (split, method) in the complete data set."""
    return {
        (split, method): 2 * len(splits.official_pairs(split))
        for split in splits.SPLITS
        for method in (ORIGINALS, *methods)
    }


def find_videos(root: pathlib.Path, compression: str, methods: Sequence[str]) -> list[Video]:
    """Lists the videos that a user holds.

    Args:
        root: Folder with `original_sequences` and `manipulated_sequences`.
        compression: 'raw' (its folder may be called c0), 'c23' or 'c40'.
        methods: Names of the forgery methods.

    Returns:
        Every video of the official splits that is there.

    Raises:
        UserError: there is none, the compression is unknown, or a method that is no method of
            FaceForensics++ has no folder.
    """
    if compression not in COMPRESSIONS:
        raise UserError(f"compression '{compression}' is not one of {', '.join(COMPRESSIONS)}")
    for method in methods:
        folder = root / "manipulated_sequences" / method
        if method not in (*METHODS, *OTHER_METHODS) and not folder.is_dir():
            raise UserError(f"unknown method '{method}': there is no folder {folder}")
    videos = []
    for path in _files(root / "original_sequences" / ORIGINALS, compression):
        if split := splits.official_split(path.stem):
            videos.append(
                Video(str(path), "real", ORIGINALS, path.stem, path.stem, "", split, compression)
            )
    for method in methods:
        for path in _files(root / "manipulated_sequences" / method, compression):
            if match := _FAKE_NAME.fullmatch(path.stem):
                target, source = match.groups()
                split = splits.official_split(target)
                if split and split == splits.official_split(source):
                    videos.append(
                        Video(
                            str(path), "fake", method, path.stem, target, source, split, compression
                        )
                    )
    if not videos:
        raise UserError(
            f"no {compression} video of FaceForensics++ under {root}; expected "
            + " and ".join(LAYOUT.replace("<compression>", compression).splitlines())
        )
    return videos


def _files(folder: pathlib.Path, compression: str) -> list[pathlib.Path]:
    found = []
    for name in COMPRESSIONS[compression]:
        found.extend(sorted((folder / name / "videos").glob("*.mp4")))
    return found
