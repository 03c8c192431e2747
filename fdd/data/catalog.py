"""What a data set is made of, before any video is opened: a list of `Video`s."""

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
    """A video file and what its place in the data set says of it.

    Attributes:
        path: The file; or a folder of frames (`fdd.video.stored`).
        label: 'real' or 'fake'.
        method: Forgery method of a fake, or where a real video comes from.
        name: Name of the file without its ending. Methods share names: `video_id` is unique.
        target: Id of the video whose scene and head are shown; a real video's own id.
        source: Id of the video a fake's face is taken from; '' for a real video.
        split: 'train', 'validation' or 'test'.
        compression: As the data set names it ('c23').
        mask: A video that is bright where a forgery replaced the target's face; '' if none is held.
        scene: Videos of one scene differ in nothing but forgery, and so share their face detections
            (`fdd.video.clips.extract_clips`); the target unless said otherwise.
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
            # Names of files need not be text, but records, tables and reports hold text.
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
    """What a user holds of a data set.

    Attributes:
        videos: The videos that belong to it, sorted; no two share a `video_id`.
        expected: Number of videos of each (split, method) in the complete data set; None: not
            known.
        ignored: All other files, with the reason.
        warning: What is wrong with the videos although they are taken, in one line; '' if nothing.
        layouts: In which ways the videos are held.
        root: The folder that the paths of `ignored` start from; None: unknown.
    """

    videos: list[Video]
    expected: Mapping[tuple[str, str], int | None]
    ignored: list[Ignored]
    warning: str = ""
    layouts: tuple[Layout, ...] = ()
    root: pathlib.Path | None = None

    def without_empty(self) -> "Holdings":
        """The same with files of no bytes among the ignored ones."""
        empty = {video.video_id: video for video in self.videos if video.is_empty}
        root = self.root or pathlib.Path()
        ignored = [
            Ignored(os.path.relpath(video.path, root), "empty, it has no bytes: download it again")
            for video in empty.values()
        ]
        kept = [video for video in self.videos if video.video_id not in empty]
        return dataclasses.replace(self, videos=kept, ignored=sorted([*self.ignored, *ignored]))


def in_scene_order(videos: Iterable[Video]) -> list[Video]:
    """Sorts videos by scene, the real one first of each."""
    return sorted(videos, key=lambda video: (video.scene, video.label != "real", video.video_id))


def by_scene(videos: Iterable[Video]) -> list[tuple[Video, ...]]:
    """Groups videos by scene, the real one first in each group."""
    groups = itertools.groupby(in_scene_order(videos), key=lambda video: video.scene)
    return [tuple(group) for _, group in groups]


def families(
    videos: Iterable[Video], held: Iterable[Video] = ()
) -> list[tuple[tuple[Video, ...], tuple[Video, ...]]]:
    """Groups videos as `by_scene`, each group with all that is held of its scene, in order.

    Args:
        videos: The videos.
        held: Videos that are held besides; those of `videos` may be among them.
    """
    groups = by_scene(videos)
    known = {video.video_id for group in groups for video in group}
    family = {group[0].scene: list(group) for group in groups}
    for video in held:
        if video.video_id not in known and video.scene in family:
            family[video.scene].append(video)
    return [(group, tuple(in_scene_order(family[group[0].scene]))) for group in groups]
