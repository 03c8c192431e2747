"""Masks of forgeries: they show which of several people had the face replaced."""

import math
import pathlib
from collections.abc import Sequence

import numpy as np

from fdd.video import decode
from fdd.video.decode import VideoError, VideoInfo
from fdd.video.extraction import Clip
from fdd.video.sampling import middle


def brightness(
    people: Sequence[Sequence[Clip]],
    mask: str | pathlib.Path,
    info: VideoInfo,
    frame_size: tuple[int, int],
) -> list[float]:
    """How much of a mask's brightness is in each person's face boxes.

    For each clip one frame of the mask is read: the one at the clip's middle frame, or the last one
    if the mask is shorter. If the frame rates differ, the frame nearest in time is read. A mask of
    another size is taken to show the same picture. Of a damaged mask, the frames before the damage
    are used.

    Args:
        people: The clips of each person.
        mask: A video that is bright where a face was replaced.
        info: The result of `decode.probe` for the masked video.
        frame_size: Height and width of the masked video's upright frames in pixels.

    Returns:
        A number for each person; only comparisons between people have a meaning.

    Raises:
        VideoError: the mask cannot be read, or shows nothing in any face box.
    """
    of_mask = decode.probe(mask)
    wanted = {id(clip): _frame(clip, info, of_mask) for clips in people for clip in clips}
    shown: dict[int, np.ndarray] = {}
    try:
        for index, frame in decode.read_frames(mask, of_mask, list(wanted.values())):
            shown[index] = frame
    except VideoError:
        if not shown:
            raise

    def inside(clip: Clip) -> float:
        frame = shown.get(wanted[id(clip)])
        if frame is None or clip.face is None:
            return 0.0
        down, right = frame.shape[0] / frame_size[0], frame.shape[1] / frame_size[1]
        scaled = np.multiply(clip.face.box, (right, down, right, down))
        x0, y0, x1, y1 = (max(0, round(float(value))) for value in scaled)
        # Independent of the mask's number of pixels.
        return float(frame[y0:y1, x0:x1].sum()) / (down * right)

    found = [sum(map(inside, clips)) for clips in people]
    if not any(found):
        raise VideoError("it shows nothing where the faces are")
    return found


def _frame(clip: Clip, info: VideoInfo, of_mask: VideoInfo) -> int:
    """The mask's frame at the middle of a clip."""
    number = info.position(middle(clip.frame_indices))
    alike = math.isclose(of_mask.fps, info.fps, rel_tol=0.02)
    if alike or of_mask.num_frames == info.num_frames:
        return min(number, of_mask.num_frames - 1)
    times = np.array([of_mask.seconds(index) for index in range(of_mask.num_frames)])
    return int(np.argmin(np.abs(times - middle(clip.seconds))))
