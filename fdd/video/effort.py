"""How hard to search a video for faces."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from fdd.video.faces import OTHER_SIDES, SMALLEST_FACE, USUAL_SIDE, detect_faces

_DETECTIONS_PER_CLIP = 4
_MOST_PIXELS = 400e6  # Of all images of a video that are searched at a larger size than usual.
_SCOUTED_FRAMES = 8


@dataclasses.dataclass(frozen=True)
class Effort:
    """How hard faces are searched for.

    Attributes:
        longest_side: Of the images that are searched, in pixels.
        detections: How many frames of a clip are searched.
        least_face: Pixels of a face's longer side that are needed for a clip.
    """

    longest_side: int = USUAL_SIDE
    detections: int = _DETECTIONS_PER_CLIP
    least_face: float = 0.0


def scout(frames: Sequence[np.ndarray], num_clips: int, least_face: float) -> Effort | None:
    """How to search a video in which nothing was found at the usual size.

    Args:
        frames: Some of its frames, of one size.
        num_clips: How many clips are to be searched.
        least_face: Pixels of a face below which its crop would have to be enlarged. So small a face
            makes no clip where only a larger search finds it: there is too little to see.

    Returns:
        The smallest size at which most of these frames show a face, with fewer frames per clip
        where that is large. None where no frame shows one.
    """
    height, width = frames[0].shape[:2]
    longest = max(height, width)
    smaller = [side for side in OTHER_SIDES if side < longest]
    larger = [longest] if USUAL_SIDE < longest < max(OTHER_SIDES) else []
    best, most = None, 0
    for side in sorted({*smaller, *larger}):
        shown = sum(bool(detect_faces(frame, side)) for frame in frames)
        if shown > most:
            best, most = side, shown
        if shown == len(frames):
            break
    if best is None:
        return None
    pixels = height * width * min(1.0, best / longest) ** 2
    detections = int(_MOST_PIXELS / pixels / max(1, num_clips))
    detections = min(_DETECTIONS_PER_CLIP, max(1, detections))
    return Effort(best, detections, least_face if best > USUAL_SIDE else 0.0)


def scouted(clips: Mapping[int, Sequence[int]]) -> list[int]:
    """Indices of the frames to show to `scout`: the middles of clips all over the video."""
    middles = [clip[len(clip) // 2] for clip in clips.values()]
    spread = np.linspace(0, len(middles) - 1, min(_SCOUTED_FRAMES, len(middles)))
    return sorted({middles[round(position)] for position in spread})


def smallest_found(height: int, width: int) -> int:
    """Pixels of the smallest face that some search of a frame of that size would find."""
    longest = max(height, width)
    return math.ceil(SMALLEST_FACE * longest / min(longest, max(OTHER_SIDES)))
