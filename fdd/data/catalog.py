"""A data set before any video is opened: a list of `Video`s."""

import dataclasses
import itertools
import os
import pathlib
import stat
from collections.abc import Iterable, Mapping

from fdd.data.layouts import Layout
from fdd.tables import escaped
from fdd.video.files import Ignored

LABELS = ("real", "fake")


@dataclasses.dataclass(frozen=True)
class Video:
    """A video file and what is known from its place in the data set.

    Attributes:
        path: The file; or a folder of frames (`fdd.video.stored`).
        label: 'real' or 'fake'.
        method: Forgery method of a fake, or where a real video comes from.
        name: Name of the file without its ending. Several methods use the same names; `video_id`
            is unique.
        target: Id of the video whose scene and head are shown; a real video's own id.
        source: Id of the video that a fake's face is taken from; '' for a real video.
        split: 'train', 'validation' or 'test'.
        compression: The data set's name for it ('c23').
        mask: A video that is bright where a forgery replaced the target's face; '' if there is
            none.
        scene: Videos of one scene differ only in the forgery, and use the same face detections
            (`fdd.video.clips.extract_clips`). By default the target.
    """

    path: str
    label: str
    method: str
    name: str
    target: str
    source: str
    split: str
    compression: str
    mask: str = ""
    scene: str = ""

    def __post_init__(self):
        if not self.scene:
            object.__setattr__(self, "scene", self.target)
        for name in ("method", "name", "target", "source", "scene"):
            # File names may be any bytes, but records, tables and reports hold text.
            object.__setattr__(self, name, escaped(getattr(self, name)))

    @property
    def video_id(self) -> str:
        """(method, name) in one string."""
        return f"{self.method}/{self.name}"

    @property
    def is_empty(self) -> bool:
        """Whether the file is there and has no bytes."""
        try:
            info = os.stat(self.path)
            return stat.S_ISREG(info.st_mode) and not info.st_size
        except OSError:
            return False


@dataclasses.dataclass(frozen=True)
class Holdings:
    """The videos that a user has of a data set.

    Attributes:
        videos: The videos that belong to it, sorted; each has its own `video_id`.
        expected: Number of videos of each (split, method) in the complete data set; None if it is
            not known.
        ignored: All other files, with the reason.
        warning: What is wrong with the videos although they are used, in one line; '' if nothing.
        layouts: The layouts that were found.
        root: The folder that the paths of `ignored` start from; None: unknown.
    """

    videos: list[Video]
    expected: Mapping[tuple[str, str], int | None]
    ignored: list[Ignored]
    warning: str = ""
    layouts: tuple[Layout, ...] = ()
    root: pathlib.Path | None = None

    def without_empty(self) -> "Holdings":
        """The same, with empty files moved to the ignored ones."""
        empty = {video.video_id: video for video in self.videos if video.is_empty}
        root = self.root or pathlib.Path()
        ignored = [
            Ignored(os.path.relpath(video.path, root), "empty, it has no bytes: download it again")
            for video in empty.values()
        ]
        kept = [video for video in self.videos if video.video_id not in empty]
        return dataclasses.replace(self, videos=kept, ignored=sorted([*self.ignored, *ignored]))


def in_scene_order(videos: Iterable[Video]) -> list[Video]:
    """Sorts videos by scene; the real video of a scene comes first."""
    return sorted(videos, key=lambda video: (video.scene, video.label != "real", video.video_id))


def by_scene(videos: Iterable[Video]) -> list[tuple[Video, ...]]:
    """Groups videos by scene; the real video comes first."""
    groups = itertools.groupby(in_scene_order(videos), key=lambda video: video.scene)
    return [tuple(group) for _, group in groups]


def families(
    videos: Iterable[Video], held: Iterable[Video] = ()
) -> list[tuple[tuple[Video, ...], tuple[Video, ...]]]:
    """Groups videos like `by_scene`; each group comes with all videos of its scene that exist.

    Args:
        videos: The videos.
        held: All videos of the data set; they may include those of `videos`.
    """
    groups = by_scene(videos)
    known = {video.video_id for group in groups for video in group}
    family = {group[0].scene: list(group) for group in groups}
    for video in held:
        if video.video_id not in known and video.scene in family:
            family[video.scene].append(video)
    return [(group, tuple(in_scene_order(family[group[0].scene]))) for group in groups]
