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
        detections: The least number of frames of each clip that are searched.
        least_face: The least length of a face's longer side for a clip, in pixels.
        apart: The most seconds between two searched frames of a clip; 0: all frames are searched.
        most: The largest number of frames of each clip that are searched, whatever `apart` says.
    """

    longest_side: int = USUAL_SIDE
    detections: int = _DETECTIONS_PER_CLIP
    least_face: float = 0.0
    apart: float = math.inf
    most: float = math.inf

    def positions(self, seconds: Sequence[float]) -> list[int]:
        """Which frames of a clip are searched, evenly spread over it.

        Args:
            seconds: The frames' times.
        """
        count = len(seconds)
        if self.apart:  # Frames are not exactly on their grid: a tenth of a gap more will do.
            gaps = math.ceil((seconds[-1] - seconds[0]) / self.apart - 0.1)
            count = min(count, max(self.detections, gaps + 1))
        count = int(min(count, self.most))
        if count == 1:
            return [(len(seconds) - 1) // 2]
        return [round(position) for position in np.linspace(0, len(seconds) - 1, count)]


def scout(
    frames: Sequence[np.ndarray], num_clips: int, least_face: float, apart: float = math.inf
) -> Effort | None:
    """Chooses how to search a video in which the usual size found nothing.

    Args:
        frames: Some of its frames, of one size.
        num_clips: How many clips are to be searched.
        least_face: In pixels; the crop of a smaller face would have to be enlarged. A face that is
            smaller, and found only by a larger search, makes no clip: there is too little to see.
        apart: As for `Effort`.

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
    afforded = max(1, int(_MOST_PIXELS / pixels / max(1, num_clips)))
    return Effort(
        longest_side=best,
        detections=min(_DETECTIONS_PER_CLIP, afforded),
        least_face=least_face if best > USUAL_SIDE else 0.0,
        apart=apart,
        most=afforded,
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
