"""Celeb-DF (v2) as it lies on disk: folders, file names, and the list of the official test set.

References:
    Li, Yang, Sun, Qi and Lyu, Celeb-DF: A Large-scale Challenging Dataset for DeepFake Forensics,
    CVPR 2020; the numbers of videos are those of README.md in the authors' repository.
"""

import collections
import pathlib
import re

from fdd.data.catalog import Video
from fdd.errors import UserError

REAL = ("Celeb-real", "YouTube-real")
FAKE = "Celeb-synthesis"
NUM_VIDEOS = {"Celeb-real": 590, "YouTube-real": 300, FAKE: 5639}
TEST_LIST = "List_of_testing_videos.txt"
HOMEPAGE = "https://github.com/yuezunli/celeb-deepfakeforensics"

_CELEBRITY = re.compile(r"id\d+_\d+")
_YOUTUBE = re.compile(r"\d+")
_SYNTHESIS = re.compile(r"(?P<target>id\d+)_(?P<source>id\d+)_(?P<clip>\d+)")

HOW_TO_OBTAIN = f"""\
Celeb-DF is given out by its authors to researchers who agree to its terms: fill in the form linked
from {HOMEPAGE}. manual_dir is the folder with
Celeb-real/id0_0000.mp4
YouTube-real/00000.mp4
Celeb-synthesis/id0_id1_0000.mp4
{TEST_LIST}
A part of the videos will do; the list must be there, since it says which ones are for testing."""


def read_test_list(text: str) -> set[tuple[str, str]]:
    """The official test set.

    In a line such as '1 YouTube-real/00170.mp4' the number says whether the video is REAL, the
    opposite of this project's labels. The folder says it too, and is what is gone by; the number
    must agree.

    Args:
        text: Contents of List_of_testing_videos.txt.

    Returns:
        (folder, name of the file without its ending) of each video.

    Raises:
        UserError: a line is of another form, or contradicts itself.
    """
    listed = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"([01])\s+([\w-]+)/(\w+)\.mp4", line.strip())
        if not match or match[2] not in NUM_VIDEOS:
            raise UserError(
                f"{TEST_LIST}, line {number}: expected '1 <folder>/<name>.mp4' with 1 for real, 0 "
                f"for fake and one of the folders {', '.join(NUM_VIDEOS)}, not '{line.strip()}'"
            )
        if (match[1] == "1") != (match[2] in REAL):
            raise UserError(
                f"{TEST_LIST}, line {number}: '{line.strip()}' contradicts itself: in this list 1 "
                f"means real and 0 means fake, and the videos of {FAKE} are the fakes"
            )
        listed.add((match[2], match[3]))
    return listed


def find_videos(root: pathlib.Path) -> list[Video]:
    """Lists the videos that a user holds.

    A fake's target is the video in Celeb-real that it was made from (id0_0000 for id0_id1_0000),
    its source the person whose face it shows (id1). What the test list names is 'test', everything
    else 'train'.

    Args:
        root: Folder with the three folders of videos and the list. The videos may also lie in a
            folder `videos` inside each of them.

    Returns:
        What is there, sorted by (folder, name).

    Raises:
        UserError: no video is there, or no list.
    """
    paths = [(folder, path) for folder in sorted(NUM_VIDEOS) for path in _files(root / folder)]
    test = _test_list(root) if paths else set()
    candidates = (
        _video(path, folder, "test" if (folder, path.stem) in test else "train")
        for folder, path in paths
    )
    videos = [video for video in candidates if video]
    if not videos:
        raise UserError(
            f"no video of Celeb-DF (v2) under {root}: expected Celeb-real/id0_0000.mp4, "
            f"YouTube-real/00000.mp4, Celeb-synthesis/id0_id1_0000.mp4 and {TEST_LIST} there (to "
            f"get the data: {HOMEPAGE})"
        )
    return videos


def expected_counts(root: pathlib.Path) -> dict[tuple[str, str], int | None]:
    """Number of videos of each (split, folder) in the complete data set.

    Args:
        root: As in `find_videos`.
    """
    test = collections.Counter(folder for folder, _ in _test_list(root))
    train = {folder: total - test[folder] for folder, total in NUM_VIDEOS.items()}
    return {
        **{("train", folder): count for folder, count in train.items()},
        **{("test", folder): test[folder] for folder in NUM_VIDEOS},
    }


def _test_list(root: pathlib.Path) -> set[tuple[str, str]]:
    file = root / TEST_LIST
    if not file.is_file():
        raise UserError(
            f"{root} has no {TEST_LIST}, which comes with Celeb-DF (v2) and says which videos are "
            "for testing"
        )
    return read_test_list(file.read_text(encoding="utf-8-sig"))


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folder's videos by name; of two with one name, the folder's own."""
    paths = [*folder.glob("videos/*.mp4"), *folder.glob("*.mp4")]
    by_name = {path.stem: path for path in paths}
    return [by_name[name] for name in sorted(by_name)]


def _video(path: pathlib.Path, folder: str, split: str) -> Video | None:
    """The video's place in the data set; None for a file that has none."""
    name = path.stem
    if folder == FAKE:
        match = _SYNTHESIS.fullmatch(name)
        if not match:
            return None
        target = f"{match['target']}_{match['clip']}"
        return Video(str(path), "fake", folder, name, target, match["source"], split, "")
    if not (_CELEBRITY if folder == "Celeb-real" else _YOUTUBE).fullmatch(name):
        return None
    return Video(str(path), "real", folder, name, name, "", split, "")
