"""Measurable quantities of clips, their ranges in training, and which of them is outside."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

Ranges = Mapping[str, tuple[float, float]]

_COVERED = (0.01, 0.99)  # Quantiles of training clips between which a range lies.
_TOLERANCE = 1.05  # A value is outside only if it is beyond a limit by this factor.


class Quantity(NamedTuple):
    """A quantity in words.

    Attributes:
        name: What it is, with its unit.
        less: What a video with a smaller value is, compared with training.
        more: With a larger value.
        remedy: What helps if it is smaller.
        otherwise: What helps if it is larger.
        offset: Added before values are compared by their ratio.
    """

    name: str
    less: str
    more: str
    remedy: str
    otherwise: str
    offset: float = 0.0


_SMALLER_COPY = "a copy of the video at about the resolution of the training videos"
_OTHERS = "a detector that was trained on videos like this one"

QUANTITIES = {
    "face": Quantity(
        "longer side of the face, pixels",
        "the face is smaller",
        "the face is larger",
        "a closer shot, or a copy in a higher resolution",
        _SMALLER_COPY,
    ),
    "detail": Quantity(
        "fine detail of the crop",
        "it is more blurred",
        "it has more fine detail, or noise",
        "the original file, in focus, not scaled up",
        _OTHERS,
    ),
    "bits": Quantity(
        "bits per pixel of the file",
        "it is compressed more",
        "it is compressed less",
        "the original file instead of a copy that a service has coded again",
        _OTHERS,
    ),
    "resolution": Quantity(
        "shorter side of the frame, pixels",
        "its resolution is lower",
        "its resolution is higher",
        "a copy in the original resolution",
        _SMALLER_COPY,
    ),
    "outside": Quantity(
        "share of the crop beyond the border",
        "the head is farther from the border",
        "the head is cut off at the border",
        _OTHERS,
        "a part of the video that shows the whole head",
        offset=0.1,
    ),
    "people": Quantity(
        "people in the video",
        "it shows fewer people",
        "it shows several people",
        _OTHERS,
        "a video cut to one person",
    ),
    "brightness": Quantity(
        "brightness of the crop, 0 to 255",
        "it is darker",
        "it is brighter",
        "a brighter part of the video",
        "a part of the video that is not overexposed",
        offset=16.0,
    ),
    "rate": Quantity(
        "frames per second",
        "its frame rate is lower",
        "its frame rate is higher",
        "a copy in the original frame rate",
        "a copy in the original frame rate",
    ),
}


class Outside(NamedTuple):
    """A quantity outside its range in training.

    Attributes:
        key: Of `QUANTITIES`.
        value: The video's.
        low: The range's lower limit.
        high: Its upper limit.
    """

    key: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        words = QUANTITIES[self.key]
        side = words.less if self.value < self.low else words.more
        limits = f"{_short(self.low)} to {_short(self.high)}"
        return f"{side} ({words.name}: {_short(self.value)}, in training {limits})"

    @property
    def remedy(self) -> str:
        """What would help."""
        words = QUANTITIES[self.key]
        return words.remedy if self.value < self.low else words.otherwise

    @property
    def excess(self) -> float:
        """How far it is outside: the logarithm of a ratio."""
        offset = QUANTITIES[self.key].offset
        limit = self.low if self.value < self.low else self.high
        return abs(math.log((self.value + offset + 1e-6) / (limit + offset + 1e-6)))


def measured(
    statistics: np.ndarray,
    height: int,
    width: int,
    fps: float,
    face: Sequence[float] | None,
    crop: Sequence[float],
    file_bytes: int | None,
    frames: int,
    people: int = 1,
) -> dict[str, float]:
    """The quantities of a clip that are known.

    Args:
        statistics: `fdd.training.look.frame_statistics` of it, [d].
        height: Of the video's frames in pixels.
        width: Likewise.
        fps: Frames per second of the video; 0: not known.
        face: Box of the face, (x0, y0, x1, y1); None if none was searched.
        crop: What the detector saw, likewise.
        file_bytes: Size of the file; None: not known.
        frames: Number of the video's frames.
        people: How many people were followed.
    """
    found = {
        "brightness": 32 * float(statistics[0]),
        "detail": math.exp(float(statistics[1]) / 2),
        "resolution": float(min(height, width)),
        "people": float(people),
    }
    if fps > 0:
        found["rate"] = float(fps)
    if file_bytes and frames:
        found["bits"] = 8 * file_bytes / (frames * height * width)
    if face is not None and face[2] > face[0]:
        found["face"] = float(max(face[2] - face[0], face[3] - face[1]))
        found["outside"] = _outside(crop, height, width)
    return found


def mean(clips: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each quantity over clips that all have it."""
    return {key: float(np.mean([clip[key] for clip in clips])) for key in clips[0]}


def ranges(clips: Iterable[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """The range of each quantity in clips: from the 1st to the 99th percentile."""
    values: dict[str, list[float]] = {}
    for clip in clips:
        for key, value in clip.items():
            values.setdefault(key, []).append(value)
    return {key: tuple(map(float, np.quantile(each, _COVERED))) for key, each in values.items()}


def outside(values: Mapping[str, float], known: Ranges) -> list[Outside]:
    """The quantities that are outside their ranges, the one that is farthest outside first."""
    found = [
        Outside(key, value, *known[key])
        for key, value in values.items()
        if key in known and not known[key][0] <= value <= known[key][1]
    ]
    found = [each for each in found if each.excess > math.log(_TOLERANCE)]
    return sorted(found, key=lambda each: -each.excess)


def _outside(crop: Sequence[float], height: int, width: int) -> float:
    x0, y0, x1, y1 = crop
    inside = max(0.0, min(x1, width) - max(x0, 0.0)) * max(0.0, min(y1, height) - max(y0, 0.0))
    return max(0.0, 1 - inside / max(1.0, (x1 - x0) * (y1 - y0)))


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
