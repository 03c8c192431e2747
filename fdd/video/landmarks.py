"""Five landmarks of a face, and where they are in every frame of a clip.

YuNet finds them with each face (`fdd.video.faces`). Only some of a clip's frames are searched; for
the others, landmarks are interpolated in time. The detector's jitter is smoothed in time, so that
landmarks move like the head. A clip has one track of landmarks.

In clips that are spread over a video, a frame that was not searched is far from any searched frame.
Its landmarks are a guess, and wrong by as much as the head leaves a straight path. Use clips of
consecutive frames if that matters.

YuNet's landmarks of a head that leans are not as oblique as the head. How much, and what is done
about it for aligned faces, is said in `fdd.video.alignment`.

Coordinates are (x, y) in pixels from the upper left corner of the picture, so that the middle of
the first pixel is at (0.5, 0.5).
"""

from collections.abc import Sequence

import numpy as np

NAMES = (
    "right eye",
    "left eye",
    "tip of the nose",
    "right corner of the mouth",
    "left corner of the mouth",
)
"""The order of landmarks. Right is the person's own right: the left of the picture, if the head is
upright and the picture is not mirrored."""
MIRRORED = (1, 0, 2, 4, 3)
"""The order of landmarks in a mirrored picture."""
SMOOTHING = 0.1
"""Standard deviation in seconds of the weights for smoothing landmarks."""
VERSION = 1
"""Raise it whenever the landmarks of a clip change. It is not in the fingerprint of the pixels."""

Points = tuple[tuple[float, float], ...]
"""(x, y) of each landmark."""


def description() -> dict[str, object]:
    """A data set's description of its landmarks, JSON-compatible."""
    return {"names": list(NAMES), "smoothing": SMOOTHING, "version": VERSION}


def over_time(
    found: Sequence[Points],
    at: Sequence[float],
    seconds: Sequence[float],
    smoothing: float = SMOOTHING,
) -> np.ndarray:
    """The positions of landmarks in every frame of a clip.

    Before the first frame in which they were found they stay at that position, and likewise after
    the last. Between two such frames they are interpolated linearly. Then each frame's positions
    are smoothed by a straight line through the neighbouring ones, fitted with Gaussian weights. So
    uniform motion is not changed, even at the clip's ends.

    Args:
        found: Positions where they were found, at least once.
        at: The times of these positions, ascending.
        seconds: Times of the clip's frames, ascending.
        smoothing: Standard deviation of the weights in seconds; 0: none.

    Returns:
        float64 [t, 5, 2], where t is the number of frames.

    References:
        Fan, Gijbels: Local Polynomial Modelling and Its Applications, 1996.
    """
    known, times = np.asarray(found, float).reshape(len(found), -1), np.asarray(seconds, float)
    ways = np.stack([np.interp(times, at, way) for way in known.T], axis=1)
    if smoothing:
        ways = _local_lines(times, smoothing) @ ways
    return ways.reshape(len(times), len(NAMES), 2)


def _local_lines(times: np.ndarray, width: float) -> np.ndarray:
    """The smoother [t, t]: row i takes values at `times` to the fitted line's value at time i."""
    apart = times[None, :] - times[:, None]
    weights = np.exp(-0.5 * (apart / width) ** 2)
    zeroth, first, second = ((weights * apart**power).sum(axis=1) for power in range(3))
    spread = zeroth * second - first**2  # Almost 0 where only the frame itself has any weight.
    rows = weights * (second[:, None] - first[:, None] * apart) / np.maximum(spread, 1e-30)[:, None]
    alone = spread <= 1e-9 * width**2
    rows[alone] = weights[alone] / zeroth[alone, None]
    return rows


def as_points(values: np.ndarray) -> tuple[Points, ...]:
    """Landmarks of some frames as plain numbers: [t, 5, 2]."""
    return tuple(tuple((float(x), float(y)) for x, y in frame) for frame in values)
