"""Where below a folder FaceForensics++ is, in which layout, and what its paths mean.

In every layout a file is identified by the path that it has, or would have, in the tree that the
authors' script writes.
"""

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Callable, Sequence

from fdd.data import layouts, places
from fdd.data.builders.faceforensics import ACTOR, ACTOR_FAKE, ALL_METHODS, DEEP_FAKE_DETECTION
from fdd.data.layouts import Layout
from fdd.errors import UserError
from fdd.tables import escaped
from fdd.video import files

KINDS = ("original_sequences", "manipulated_sequences")
_LEVELS = 2
_METHODS = {method.lower(): method for method in ALL_METHODS}


def _holds_sequences(folder: pathlib.Path) -> bool:
    return any(inner.name.lower() in KINDS for inner in places.folders(folder))


def _holds_kaggle_c23(folder: pathlib.Path) -> bool:
    names = ("original", *_METHODS)
    inner = [each for each in places.folders(folder) if each.name.lower() in names]
    return any(files.is_video(name) for each in inner for name in _names(each))


def _holds_actors(folder: pathlib.Path) -> bool:
    inner = {each.name.lower(): each for each in places.folders(folder)}
    patterns = {"real": ACTOR, "fake": ACTOR_FAKE}
    return any(
        patterns[label].fullmatch(os.path.splitext(name)[0])
        for label in patterns.keys() & inner.keys()
        for name in _names(inner[label])
        if files.is_video(name)
    )


def _names(folder: pathlib.Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _of_kaggle_c23(path: str) -> str | None:
    folder, _, name = path.partition("/")
    if "/" in name or not name:
        return None
    if folder.lower() == "original":
        return f"{KINDS[0]}/youtube/c23/videos/{name}"
    method = _METHODS.get(folder.lower())
    return f"{KINDS[1]}/{method}/c23/videos/{name}" if method else None


def _of_actors(path: str) -> str | None:
    """DeepFakeDetection is a part of what Kaggle has as c23."""
    places_of = {
        "real": f"{KINDS[0]}/actors",
        "fake": f"{KINDS[1]}/{DEEP_FAKE_DETECTION}",
    }
    folder, _, name = path.partition("/")
    if "/" in name or not name or folder.lower() not in places_of:
        return None
    return f"{places_of[folder.lower()]}/c23/videos/{name}"


def _of_sequences(path: str) -> str | None:
    return path if path.partition("/")[0].lower() in KINDS else None


@dataclasses.dataclass(frozen=True)
class _Kind:
    layouts: tuple[Layout, ...]
    holds: Callable[[pathlib.Path], bool]
    official: Callable[[str], str | None]
    folders: str


_KINDS = (  # If a video is stored twice, the first one is used.
    _Kind(
        layouts=(layouts.OFFICIAL, layouts.DEEPFAKEBENCH),
        holds=_holds_sequences,
        official=_of_sequences,
        folders=" and ".join(KINDS),
    ),
    _Kind(
        layouts=(layouts.KAGGLE_C23,),
        holds=_holds_kaggle_c23,
        official=_of_kaggle_c23,
        folders=", ".join(("original", *ALL_METHODS)),
    ),
    _Kind(
        layouts=(layouts.DEEP_FAKE_DETECTION,),
        holds=_holds_actors,
        official=_of_actors,
        folders="real and fake",
    ),
)


@dataclasses.dataclass(frozen=True)
class Held:
    """A folder that holds FaceForensics++, or a part of it.

    Attributes:
        prefix: Prefix of its files' paths; '' if it is the folder that is searched.
        rank: If a video is stored twice, the copy with the lower rank is used.
    """

    prefix: str
    rank: int

    @property
    def folders(self) -> str:
        """The folders inside it that are searched."""
        return _KINDS[self.rank].folders

    def official(self, path: str) -> str | None:
        """A file's path in the authors' tree; None if it has none there."""
        return _KINDS[self.rank].official(path.removeprefix(self.prefix))

    def layout(self, stored: bool) -> Layout:
        """Its layout: that of its stored frames, or that of its videos."""
        return _KINDS[self.rank].layouts[-1 if stored else 0]


def find(root: pathlib.Path, wanted: str = layouts.AUTO) -> tuple[pathlib.Path, list[Held]]:
    """Finds FaceForensics++: in the folder itself, or a level or two below it.

    Args:
        root: The folder that the user gave.
        wanted: Key of a layout; others are not looked for.

    Returns:
        The folder to search: the one that was found, if there is only one; and what is in it.

    Raises:
        UserError: `root` is no folder, or one layout is there more than once.
    """
    if not root.is_dir():
        raise UserError(f"there is no folder {escaped(str(root))}")
    ranks = [
        rank
        for rank, kind in enumerate(_KINDS)
        if wanted in (layouts.AUTO, *(layout.key for layout in kind.layouts))
    ]
    found: list[tuple[int, pathlib.Path]] = []
    level, unread = [root], []
    for _ in range(_LEVELS + 1):
        held = [(rank, each) for each in level for rank in ranks if _KINDS[rank].holds(each)]
        found += held
        inside = {each for _, each in held}
        level = [
            inner for each in level if each not in inside for inner in places.folders(each, unread)
        ]
    found.sort()
    _refuse_twice(root, found)
    if not found:
        return root, []
    if len({folder for _, folder in found}) == 1:
        folder = found[0][1]
        if folder != root:
            places.say_found(folder, unread)
        return folder, [Held("", rank) for rank, _ in found]
    return root, [Held(f"{folder.relative_to(root).as_posix()}/", rank) for rank, folder in found]


def _refuse_twice(root: pathlib.Path, found: Sequence[tuple[int, pathlib.Path]]) -> None:
    for _, group in itertools.groupby(found, key=lambda each: each[0]):
        folders = [escaped(str(folder)) for _, folder in group]
        if len(folders) > 1:
            raise UserError(
                f"{escaped(str(root))} holds the data set more than once: say which of "
                f"{', '.join(folders[:5])}"
            )
