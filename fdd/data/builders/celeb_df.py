"""Celeb-DF (v2) and Celeb-DF++ on disk: folders, names, and the official test list.

References:
    Li, Yang, Sun, Qi and Lyu, Celeb-DF: A Large-scale Challenging Dataset for DeepFake Forensics,
    CVPR 2020; the numbers of videos are those of README.md in the authors' repository.
"""

import collections
import dataclasses
import os
import pathlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NoReturn

from fdd.data import identical, layouts, places, text_files
from fdd.data.catalog import Holdings, Video
from fdd.errors import UserError
from fdd.tables import escaped
from fdd.video import files
from fdd.video.files import File, Ignored

REAL = ("Celeb-real", "YouTube-real")
FAKE = "Celeb-synthesis"
NUM_VIDEOS = {"Celeb-real": 590, "YouTube-real": 300, FAKE: 5639}
TEST_LIST = "List_of_testing_videos.txt"
HOMEPAGE = "https://github.com/yuezunli/celeb-deepfakeforensics"

_FOLDERS = {name.lower(): name for name in NUM_VIDEOS}
_LINE_END = re.compile(r"\r\n|\r|\n")
_BETWEEN = re.compile(r"[\s,;|\"']+")
_KINDS = {name.lower(): name for name in ("FaceSwap", "FaceReenact", "TalkingFace")}  # Of ++.
_SLASH = re.compile(r"[/\\]")
_FILE = re.compile(r"(?P<name>\w+)\.\w+")
_LONGEST = 255  # Longer paths in the list are not valid.
_CELEBRITY = re.compile(r"id\d+_\d+")
_YOUTUBE = re.compile(r"\d+")
_SYNTHESIS = re.compile(r"(?P<target>id\d+)_(?P<source>id\d+)_(?P<clip>\d+)")
_OF_ONE = re.compile(r"(?P<target>id\d+_\d+)\w*")

HOW_TO_OBTAIN = f"""\
Celeb-DF is given out by its authors to researchers who agree to its terms: fill in the form linked
from {HOMEPAGE}. manual_dir is the folder with
Celeb-real/id0_0000.mp4
YouTube-real/00000.mp4
Celeb-synthesis/id0_id1_0000.mp4
{TEST_LIST}
In Celeb-DF++ the fakes are in Celeb-synthesis/FaceSwap|FaceReenact|TalkingFace/<method>.
A part of the videos is enough. The list must be there: it says which videos are for testing."""


def read_test_list(text: str) -> set[tuple[str, str]]:
    """Reads the official test list.

    Columns may be in another order and delimited by spaces, tabs, commas or semicolons; a heading
    is skipped.

    In a line such as '1 YouTube-real/00170.mp4' the number says whether the video is REAL, the
    opposite of this project's labels. The folder says it too. The folder decides, and the number
    must agree with it.

    Args:
        text: Contents of List_of_testing_videos.txt.

    Returns:
        (folder, or in Celeb-DF++ kind-method; name of the file without its ending) of each video.

    Raises:
        UserError: a line is of another form, or contradicts itself.
    """
    listed, heading = set(), False
    for number, line in enumerate(_LINE_END.split(text), start=1):
        cells = [cell for cell in _BETWEEN.split(line.strip()) if cell]
        match = _listed(cells)
        if match is None:
            if not cells:
                continue
            if not (listed or heading or "/" in line or "\\" in line):
                heading = True
                continue
            raise UserError(
                f"{TEST_LIST}, line {number}: expected '1 <folder>/<name>.mp4' with 1 for real, 0 "
                f"for fake and one of the folders {', '.join(NUM_VIDEOS)}, not "
                f"'{escaped(line.strip())[:200]}'"
            )
        label, folder, name = match
        if (label == "1") != (folder in REAL):
            raise UserError(
                f"{TEST_LIST}, line {number}: '{line.strip()}' contradicts itself: in this list 1 "
                f"means real and 0 means fake, and the videos of {FAKE} are the fakes"
            )
        listed.add((folder, name))
    if not listed:
        raise UserError(f"{TEST_LIST} names no video: expected lines such as '1 {REAL[0]}/a.mp4'")
    return listed


def _listed(cells: Sequence[str]) -> tuple[str, str, str] | None:
    """(label, folder, name) of a line, in whatever order its cells are."""
    labels = [cell for cell in cells if cell in ("0", "1")]
    paths = [found for cell in cells if (found := _listed_path(cell[-_LONGEST:]))]
    return (labels[0], *paths[0]) if len(labels) == len(paths) == 1 else None


def _listed_path(cell: str) -> tuple[str, str] | None:
    """(folder, name) of a path in the list, whatever it begins with."""
    *above, name = _SLASH.split(cell)
    match = _FILE.fullmatch(name)
    starts = [at for at, part in enumerate(above) if part.lower() in _FOLDERS]
    if not match or not starts:
        return None
    folder, inner, _ = _parts("/".join([*above[starts[-1] :], name]))
    return (folder, match["name"].lower()) if inner.lower() in ("", "videos") else None


def survey(root: pathlib.Path) -> Holdings:
    """Finds the videos in a user's folder.

    A fake's target is the video in Celeb-real that it was made from (id0_0000 for id0_id1_0000);
    its source is the person whose face it shows (id1). Videos in the test list are in the split
    'test', all others in 'train'.

    Args:
        root: Folder with the three folders of videos and the list, or one above it. The videos
            may also lie in a folder `videos` inside each of them.

    Returns:
        The videos, sorted by (folder, name), and the numbers of videos of the complete data set.

    Raises:
        UserError: no video is there, or no list, or two videos that must differ are the same.
    """
    root = places.locate(root, _holds_folders)
    found, ignored = files.walk(root)
    candidates, reasons = [], {}
    for file in found:
        folder, inner, name = _parts(file.path)
        if not _is_known(folder) or inner.lower() not in ("", "videos"):
            reasons[file.path] = f"in none of the folders {', '.join(NUM_VIDEOS)}"
        elif files.is_video(name):
            stem = files.original_name(os.path.splitext(name)[0].lower())
            candidates.append(((folder, stem), file, len(inner)))
    chosen, others = places.one_of_each(candidates)
    if not chosen:
        _refuse_nothing(root)
    test = _test_list(root, found)
    videos = []
    for (folder, name), file in chosen.items():
        split = "test" if (folder, name) in test else "train"
        if video := _video(str(root / file.path), folder, name, split):
            videos.append(video)
        else:
            reasons[file.path] = "not named as a video of Celeb-DF"
    if not videos:
        _refuse_nothing(root)
    videos.sort(key=lambda video: (video.method, video.name))
    ignored += [*others, *_unused(root, found, videos, others, reasons)]
    videos, copies, warning = identical.settle(root, videos, refuse_copies=False)
    plus = {video.method for video in videos if video.method not in NUM_VIDEOS}
    if plus and not any(folder in plus for folder, _ in test):
        unlisted = f"{TEST_LIST} names no fake of Celeb-DF++, so all of them are for training"
        warning = "; ".join(filter(None, (warning, unlisted)))
    return Holdings(
        videos=videos,
        expected=_expected_counts(test, plus),
        ignored=sorted([*ignored, *copies]),
        warning=warning,
        layouts=(layouts.CELEB_DF_PLUS if plus else layouts.CELEB_DF,),
        root=root,
    )


def _unused(
    root: pathlib.Path,
    found: Iterable[File],
    videos: Iterable[Video],
    others: Iterable[Ignored],
    reasons: Mapping[str, str],
) -> Iterator[Ignored]:
    used = {os.path.relpath(video.path, root) for video in videos}
    used |= {each.path for each in others}
    for file in found:
        if file.path not in used and file.path.lower() != TEST_LIST.lower():
            yield Ignored(file.path, files.why_no_video(root, file.path) or reasons[file.path])


def _refuse_nothing(root: pathlib.Path) -> NoReturn:
    raise UserError(
        f"no video of Celeb-DF under {escaped(str(root))}: expected "
        f"{layouts.looked_for((layouts.CELEB_DF, layouts.CELEB_DF_PLUS))}; and {TEST_LIST}, but "
        f"{places.there_is(root)}{places.within(root, _FOLDERS)} (to get the data: {HOMEPAGE})"
    )


def _holds_folders(folder: pathlib.Path) -> bool:
    return any(inner.name.lower() in _FOLDERS for inner in places.folders(folder))


def _parts(path: str) -> tuple[str, str, str]:
    """(folder as the data set spells it, or kind-method of Celeb-DF++; folders inside it; name)"""
    folder, *inner, name = path.split("/") if "/" in path else ("", path)
    folder = _FOLDERS.get(folder.lower(), folder)
    if folder == FAKE and len(inner) > 1 and inner[0].lower() in _KINDS:
        return f"{_KINDS[inner[0].lower()]}-{inner[1]}", "/".join(inner[2:]), name
    return folder, "/".join(inner), name


def _is_known(folder: str) -> bool:
    return folder in NUM_VIDEOS or folder.partition("-")[0] in _KINDS.values()


def _expected_counts(
    listed: Collection[tuple[str, str]], plus: Collection[str]
) -> dict[tuple[str, str], int | None]:
    """Celeb-DF (v2)'s numbers; those of Celeb-DF++'s fakes are not known."""
    test = collections.Counter(folder for folder, _ in listed)
    if plus:
        real = {folder: NUM_VIDEOS[folder] for folder in REAL}
        return {
            **{("train", folder): real[folder] - test[folder] for folder in REAL},
            **{("train", folder): None for folder in sorted({*plus, *test} - {*REAL})},
            **{("test", folder): test[folder] for folder in REAL},
            **{("test", folder): test[folder] for folder in sorted({*plus, *test} - {*REAL})},
        }
    train = {folder: total - test[folder] for folder, total in NUM_VIDEOS.items()}
    return {
        **{("train", folder): count for folder, count in train.items()},
        **{("test", folder): test[folder] for folder in NUM_VIDEOS},
    }


def _test_list(root: pathlib.Path, found: Iterable[File]) -> set[tuple[str, str]]:
    paths = [file.path for file in found if file.path.lower() == TEST_LIST.lower()]
    if not paths:
        raise UserError(
            f"{escaped(str(root))} has no {TEST_LIST}, which comes with Celeb-DF and says "
            "which videos are for testing"
        )
    if len(paths) > 1:
        raise UserError(f"{escaped(str(root))} holds both {' and '.join(paths)}: remove one")
    return read_test_list(text_files.read(root / paths[0]))


def _video(path: str, folder: str, name: str, split: str) -> Video | None:
    """The video's place in the data set; None for a name that has none."""
    if folder not in REAL:
        if match := _SYNTHESIS.fullmatch(name):
            target, source = f"{match['target']}_{match['clip']}", match["source"]
        elif folder != FAKE and (match := _OF_ONE.fullmatch(name)):
            target, source = match["target"], ""
        else:
            return None
        video = Video(
            path=path,
            label="fake",
            method=folder,
            name=name,
            target=target,
            source=source,
            split=split,
            compression="",
        )
        # Only of swapped faces is it known that frame i shows the target's frame i.
        own = folder.startswith((_KINDS["facereenact"], _KINDS["talkingface"]))
        return dataclasses.replace(video, scene=video.video_id) if own else video
    if not (_CELEBRITY if folder == "Celeb-real" else _YOUTUBE).fullmatch(name):
        return None
    return Video(
        path=path,
        label="real",
        method=folder,
        name=name,
        target=name,
        source="",
        split=split,
        compression="",
    )
