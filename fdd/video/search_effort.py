"""How thoroughly a video is searched for faces."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from fdd.video.faces import OTHER_SIDES, SMALLEST_FACE, USUAL_SIDE, detect_faces
from fdd.video.sampling import middle

_DETECTIONS_PER_CLIP = 4
_MOST_PIXELS = 400e6  # In total, of a video's images that are searched above the usual size.
_SCOUTED_FRAMES = 8


@dataclasses.dataclass(frozen=True)
class Effort:
    """How thoroughly faces are searched for.

    Attributes:
        longest_side: Images larger than this are reduced to it before the search, in pixels.
        detections: How many frames of each clip are searched.
        least_face: The least length of a face's longer side for a clip, in pixels.
    """

    longest_side: int = USUAL_SIDE
    detections: int = _DETECTIONS_PER_CLIP
    least_face: float = 0.0


def scout(frames: Sequence[np.ndarray], num_clips: int, least_face: float) -> Effort | None:
    """Chooses how to search a video in which the usual size found nothing.

    Args:
        frames: Some of its frames, of one size.
        num_clips: How many clips are to be searched.
        least_face: In pixels; the crop of a smaller face would have to be enlarged. A face that is
            smaller, and found only by a larger search, makes no clip: there is too little to see.

    Returns:
        The smallest size at which most of these frames show a face; where it is large, fewer frames
        of each clip are searched. None if no frame shows a face at any size.
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
    return Effort(
        longest_side=best,
        detections=detections,
        least_face=least_face if best > USUAL_SIDE else 0.0,
    )


def scouted(clips: Mapping[int, Sequence[int]]) -> list[int]:
    """Indices of the frames for `scout`: the middle frames of clips from the whole video."""
    middles = [middle(clip) for clip in clips.values()]
    spread = np.linspace(0, len(middles) - 1, min(_SCOUTED_FRAMES, len(middles)))
    return sorted({middles[round(position)] for position in spread})


def smallest_found(height: int, width: int) -> int:
    """The side in pixels of the smallest face that a search of a frame of this size can find."""
    longest = max(height, width)
    return math.ceil(SMALLEST_FACE * longest / min(longest, max(OTHER_SIDES)))
