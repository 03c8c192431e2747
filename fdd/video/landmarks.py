"""Five landmarks of a face: which they are, and where they are in every frame of a clip.

They come with each face that YuNet finds (`fdd.video.faces`), and only some of a clip's frames are
searched. For the others they are interpolated in time. What is left of the detector's trembling is
smoothed in time, so that landmarks move as the head does, and a clip has one track of them.

In clips that are spread over a video, frames that were not searched are far from any that was:
landmarks there are a guess, as far off as the head moves from its way. Ask for clips of consecutive
frames where that matters.

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
"""In the order in which they stand everywhere. Right is the person's own right, which is on the
left of the picture where the head is upright and the picture is not mirrored."""
MIRRORED = (1, 0, 2, 4, 3)
"""The order to put them in when their picture is mirrored."""
SMOOTHING = 0.1
"""Standard deviation in seconds of the weights by which landmarks are smoothed."""
VERSION = 1
"""Raise it whenever the landmarks of a clip change. It is in no fingerprint, since pixels stay."""

Points = tuple[tuple[float, float], ...]
"""(x, y) of each landmark."""


def description() -> dict[str, object]:
    """What a data set says of the landmarks in its records, JSON-compatible."""
    return {"names": list(NAMES), "smoothing": SMOOTHING, "version": VERSION}


def over_time(
    found: Sequence[Points],
    at: Sequence[float],
    seconds: Sequence[float],
    smoothing: float = SMOOTHING,
) -> np.ndarray:
    """Where landmarks are in every frame of a clip.

    Before the first frame in which they were found they stay where they are there, and likewise
    after the last. Between two they go straight. Then each frame's are replaced by the value there
    of a straight line through those around it, fitted with Gaussian weights. So even motion
    stays as it is, also at the clip's ends.

    Args:
        found: Where they were found, at least once.
        at: When that was, ascending.
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
