"""Masks of forgeries: they show which of several people had the face replaced."""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fdd.video import decode
from fdd.video.decode import VideoError, VideoInfo
from fdd.video.extraction import Clip
from fdd.video.sampling import middle


class Shown(NamedTuple):
    """What a mask shows.

    Attributes:
        brightness: For each person how much of the mask's brightness is in their face boxes; only
            comparisons between people have a meaning.
        lack: For how many clips it lacks the frame, in a clause; '' if for none.
    """

    brightness: list[float]
    lack: str


def look(
    people: Sequence[Sequence[Clip]],
    mask: str | pathlib.Path,
    info: VideoInfo,
    frame_size: tuple[int, int],
) -> Shown:
    """How much of a mask's brightness is in each person's face boxes.

    For each clip one frame of the mask is read: the one at the clip's middle frame. If the frame
    rates differ, it is the frame nearest in time. If that frame is damaged, or the mask is shorter,
    it is the nearest frame that can be decoded. A mask of another size is taken to show the same
    picture.

    Args:
        people: The clips of each person.
        mask: A video that is bright where a face was replaced.
        info: The result of `decode.probe` for the masked video.
        frame_size: Height and width of the masked video's upright frames in pixels.

    Raises:
        VideoError: the mask cannot be read, or shows nothing in any face box.
    """
    clips = {id(clip): clip for each in people for clip in each}
    of_mask = decode.probe(mask)
    try:
        wanted, frames = _read(mask, of_mask, info, clips)
    except decode.MisreadError:
        of_mask = decode.survey(mask)
        wanted, frames = _read(mask, of_mask, info, clips)

    def inside(clip: Clip) -> float:
        frame = frames[wanted[id(clip)].index]
        if clip.face is None:
            return 0.0
        down, right = frame.shape[0] / frame_size[0], frame.shape[1] / frame_size[1]
        scaled = np.multiply(clip.face.box, (right, down, right, down))
        x0, y0, x1, y1 = (max(0, round(float(value))) for value in scaled)
        # Independent of the mask's number of pixels.
        return float(frame[y0:y1, x0:x1].sum()) / (down * right)

    found = [sum(map(inside, each)) for each in people]
    if not any(found):
        raise VideoError("it shows nothing where the faces are")
    lacking = {clip.index for name, clip in clips.items() if not wanted[name].is_exact}
    count = len({clip.index for clip in clips.values()})
    lack = f"it lacks the frames of {len(lacking)} of {count} clips" if lacking else ""
    return Shown(brightness=found, lack=lack)


class _Frame(NamedTuple):
    """A frame of a mask, and whether it is the one that a clip asks for."""

    index: int
    is_exact: bool


def _read(
    mask: str | pathlib.Path, of_mask: VideoInfo, info: VideoInfo, clips: Mapping[int, Clip]
) -> tuple[dict[int, _Frame], dict[int, np.ndarray]]:
    """The mask's frame for each clip, and these frames by their indices."""
    if not of_mask.num_frames:
        raise VideoError("none of its frames can be decoded")
    wanted = {name: _frame(clip, info, of_mask) for name, clip in clips.items()}
    return wanted, dict(decode.read_frames(mask, of_mask, [each.index for each in wanted.values()]))


def _frame(clip: Clip, info: VideoInfo, of_mask: VideoInfo) -> _Frame:
    """The mask's frame at the middle of a clip."""
    number = info.position(middle(clip.frame_indices))
    alike = math.isclose(of_mask.fps, info.fps, rel_tol=0.02)
    if alike or of_mask.num_frames == info.num_frames:
        indices = of_mask.indices()
        nearest = min(indices, key=lambda position: abs(position - number))
        return _Frame(indices[nearest], nearest == number)
    times = np.array([of_mask.seconds(index) for index in range(of_mask.num_frames)])
    apart = np.abs(times - middle(clip.seconds))
    index = int(np.argmin(apart))
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return _Frame(index, bool(apart[index] <= usual))
