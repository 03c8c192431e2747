"""Which files of a FaceForensics++ tree are videos, which are masks, and which are neither."""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Sequence

from fdd.data.builders.faceforensics import COMPRESSIONS, Selection
from fdd.data.builders.faceforensics_layouts import KINDS, Held
from fdd.tables import escaped
from fdd.video import files, stored
from fdd.video.files import File, Ignored

_OF_FRAMES = {"landmarks": "landmarks", "masks": "a mask of a stored frame"}
_RANKS = 10  # More than a compression has names.

What = tuple[str, bool, str]
"""(method, is real, name)"""


@dataclasses.dataclass
class Sorted:
    """Files by kind.

    Attributes:
        ignored: Files that are not used.
        candidates: Videos, or folders of stored frames, as `places.one_of_each` takes them: what
            the file shows, the file, a rank.
        masks: Paths of masks by method/name.
        other_kind: The number of videos if stored frames are wanted; the number of stored frames
            if videos are wanted.
    """

    ignored: list[Ignored] = dataclasses.field(default_factory=list)
    candidates: list[tuple[What, File, int]] = dataclasses.field(default_factory=list)
    masks: dict[str, str] = dataclasses.field(default_factory=dict)
    other_kind: int = 0


def sort(
    root: pathlib.Path,
    found: Sequence[File],
    held: Sequence[Held],
    selection: Selection,
    of_frames: bool,
) -> Sorted:
    """Divides files into videos, masks, and files that are not used.

    Args:
        root: The folder that was searched.
        found: Its files.
        held: What `fdd.data.builders.faceforensics_layouts.find` found in it.
        selection: What is wanted.
        of_frames: Whether stored frames are wanted, not videos.
    """
    sorter = _Sorter(root, selection, of_frames)
    for file in found:
        sorter.take(file, held)
    return sorter.finish()


class _Sorter:
    def __init__(self, root: pathlib.Path, selection: Selection, of_frames: bool):
        self._root, self._of_frames = root, of_frames
        self._wanted = {(KINDS[0], method.lower()): method for method in selection.originals}
        self._wanted |= {(KINDS[1], method.lower()): method for method in selection.methods}
        self._compressions = COMPRESSIONS[selection.compression]
        self._frames: dict[tuple[What, int], list[File]] = collections.defaultdict(list)
        self._sorted = Sorted()

    def take(self, file: File, held: Sequence[Held]) -> None:
        """Sorts one file."""
        owners = [each for each in held if file.path.startswith(each.prefix)]
        paths = [(each, official) for each in owners if (official := each.official(file.path))]
        reason = f"outside {' and '.join(each.folders for each in owners) or 'the data set'}"
        if paths:
            owner, official = paths[0]
            reason = self._why_not(file, official, owner.rank)
        elif why := files.why_no_video(self._root, file.path):
            reason = why
        if reason:
            self._sorted.ignored.append(Ignored(file.path, reason))

    def _why_not(self, file: File, official: str, rank: int) -> str:
        """Stores a file by its official path; returns why it is not used, '' if it is."""
        kind, method, compression, folder, *inside = (*official.split("/"), "", "", "")
        inside = [part for part in inside if part]
        kind, compression, folder = kind.lower(), compression.lower(), folder.lower()
        is_frame = folder == "frames" and len(inside) == 2
        if folder in _OF_FRAMES and len(inside) == 2:
            return f"{_OF_FRAMES[folder]}, not needed"
        if not is_frame and (why := files.why_no_video(self._root, file.path)):
            return why
        if (kind, method.lower()) not in self._wanted:
            return f"of a method that was not asked for: {method}"
        name = self._wanted[kind, method.lower()]
        if not is_frame and (folder != "videos" or len(inside) != 1):
            return "not in <method>/<compression>/videos"
        if compression == "masks":
            video_id = f"{name}/{stem(inside[0])}"
            first = self._sorted.masks.setdefault(video_id, file.path)
            return "" if first == file.path else f"another mask of a video: {video_id}"
        if compression not in self._compressions:
            return f"of a compression not asked for: {compression}"
        if is_frame != self._of_frames:
            self._sorted.other_kind += 1
            return "a stored frame, not a video" if is_frame else "a video, not stored frames"
        rank = rank * _RANKS + self._compressions.index(compression)
        if is_frame:
            if not stored.is_picture(inside[1]):
                return "no frame: its name is no number with the ending of a picture"
            self._frames[(name, kind == KINDS[0], inside[0]), rank].append(file)
        else:
            what = (name, kind == KINDS[0], stem(inside[0]))
            self._sorted.candidates.append((what, file, rank))
        return ""

    def finish(self) -> Sorted:
        """What was sorted, each folder of frames as one file."""
        for (what, rank), frames in self._frames.items():
            first = frames[0]
            size, linked = sum(file.size for file in frames), any(file.linked for file in frames)
            folder = File(
                path=os.path.dirname(first.path), size=size, identity=first.identity, linked=linked
            )
            self._sorted.candidates.append((what, folder, rank))
        return self._sorted


def stem(name: str) -> str:
    """A video's name from the name of its file, or of a copy of the file."""
    return escaped(files.original_name(os.path.splitext(name)[0]))
