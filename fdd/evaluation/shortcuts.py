"""Shortcuts: whether times, sizes and positions of clips, not the picture, tell real from fake.

A logistic regression is trained on the training split's records and tested on the test split's,
like a detector but without a single pixel. A detector can use what it finds: in the crop, or in
traces of the same processing in the picture.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy  # Its submodules are loaded when they are used.

from fdd.evaluation import intervals, metrics
from fdd.evaluation.weighted import accuracy_and_auc

LARGEST_AUC = 0.55
"""A probe with a smaller AUC is too weak to matter."""

_PENALTY = 1.0
_REACH = 4.0  # Values are clipped at this number of standard deviations.

Record = Mapping[str, Any]


def _known(record: Record, name: str) -> float:
    """A number that is stored as 0 if it is not known."""
    return float(record.get(name) or np.nan)


def _relative(record: Record) -> tuple[float, float, float, float]:
    """The crop's width, height and middle, relative to the frame."""
    height, width = _known(record, "video_height"), _known(record, "video_width")
    x0, y0, x1, y1 = map(float, record.get("crop_box", (np.nan,) * 4))
    return (x1 - x0) / width, (y1 - y0) / height, (x0 + x1) / 2 / width, (y0 + y1) / 2 / height


def _ends(record: Record, name: str) -> tuple[float, float]:
    values = record.get(name, (np.nan,))
    return float(values[0]), float(values[-1])


FIELDS: dict[str, Callable[[Record], Sequence[float]]] = {
    "crop size": lambda record: _relative(record)[:2],
    "crop place": lambda record: _relative(record)[2:],
    "clip times": lambda record: (*_ends(record, "seconds"), *_ends(record, "frame_indices")),
    "frame rate": lambda record: (_known(record, "fps"),),
    "number of frames": lambda record: (_known(record, "video_frames"),),
    "face score": lambda record: (_known(record, "face_score"),),
    "file size": lambda record: (_known(record, "file_bytes"),),
    "resolution": lambda record: (_known(record, "video_height"), _known(record, "video_width")),
}
"""What a record says apart from the picture, as numbers; NaN if it is not known."""

_OF_THE_FILE = ("number of frames", "file size")
"""A detector never sees these. In FaceForensics++ itself, FaceSwap and NeuralTextures fakes are as
long as the shorter of two videos, so their number of frames tells something."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """The result of the probe.

    Attributes:
        text: A description of one or more lines.
        leak: Whether the fields tell real from fake.
        auc: Per test video, from all fields; None where it cannot be measured.
        limits: Its 95 % interval over people; None if none can be given.
        fields: The AUC of each field by itself, the largest first.
    """

    text: str
    leak: bool = False
    auc: float | None = None
    limits: tuple[float, float] | None = None
    fields: Mapping[str, float] = dataclasses.field(default_factory=dict)


def probe(rows: Mapping[str, Sequence[Record]]) -> Answer:
    """Trains the regression and tests it.

    It is a leak if the AUC is above `LARGEST_AUC` and significantly above 0.5: the interval's lower
    limit is above 0.5, or, with too few people for an interval, a rank test over the videos rejects
    0.5 at the level of 2.5 %.

    Args:
        rows: The records' fields by split, from `fdd.data.records.Dataset.metadata`.
    """
    train, test = rows.get("train", ()), rows.get("test", ())
    for name, records in (("training", train), ("test", test)):
        if len({record.get("label") for record in records} & {0, 1}) < 2:
            return Answer(text=f"cannot be measured: the {name} split does not hold both classes")
    columns = {name: _columns(train, test, of) for name, of in FIELDS.items()}
    used = {name: pair for name, pair in columns.items() if pair[0].shape[1]}
    rest = [name for name in FIELDS if name not in used]
    left_out = f"not recorded, or the same everywhere: {', '.join(rest)}" if rest else ""
    if not used:
        return Answer(text=f"none of the fields can tell: {left_out}")
    labels = np.array([record["label"] for record in train])
    videos = _Videos(test)
    alone = {name: videos.auc(_scores(labels, *pair)) for name, pair in used.items()}
    alone = dict(sorted(alone.items(), key=lambda item: -item[1]))
    together = [np.concatenate(parts, axis=1) for parts in zip(*used.values(), strict=True)]
    return _answer(videos, _scores(labels, *together), alone, left_out)


def _answer(
    videos: "_Videos", scores: np.ndarray, alone: Mapping[str, float], left_out: str
) -> Answer:
    area, limits, likely = videos.tested(scores)
    leak = area > LARGEST_AUC and likely
    between = f"{limits[0]:.3f}, {limits[1]:.3f}" if limits else "no interval: too few people"
    lines = [f"AUC per test video {area:.3f} [{between}], by {', '.join(alone)}"]
    if area > LARGEST_AUC:
        named = [f"{name} ({value:.3f})" for name, value in alone.items() if value > LARGEST_AUC]
        says = ", ".join(named) if named else "no field by itself, but all together"
        verb = "these give the label away" if leak else "may be chance with so few people"
        lines.append(f"{verb}: {says}")
        of_file = [name for name in _OF_THE_FILE if alone.get(name, 0) > LARGEST_AUC]
        if of_file:
            lines.append(
                f"no clip shows the {' or the '.join(of_file)}; how the video was cut and coded, "
                "which goes with it, can be in the picture"
            )
    if left_out:
        lines.append(left_out)
    return Answer(text="\n  ".join(lines), leak=leak, auc=area, limits=limits, fields=alone)


class _Videos:
    """The test split's videos; a video's score is the mean over its clips."""

    def __init__(self, records: Sequence[Record]):
        names = [record["video_id"] for record in records]
        _, first, self._video = np.unique(names, return_index=True, return_inverse=True)
        firsts = [records[index] for index in first]
        self._labels = np.array([record["label"] for record in firsts])
        people = [
            [record.get(f"{role}_person", record[role]) for record in firsts]
            for role in ("target", "source")
        ]
        self._units = intervals.units(self._labels, *people)

    def _means(self, scores: np.ndarray) -> np.ndarray:
        # Rounded, so that clips with equal fields get equal scores despite rounding errors.
        return (np.bincount(self._video, scores) / np.bincount(self._video)).round(9)

    def auc(self, scores: np.ndarray) -> float:
        """The AUC of clips' scores, per video."""
        return metrics.auc(self._labels, self._means(scores))

    def tested(self, scores: np.ndarray) -> tuple[float, tuple[float, float] | None, bool]:
        """The AUC, its interval if there is one, and whether it is significantly above 0.5."""
        means = self._means(scores)
        made = intervals.estimate(accuracy_and_auc(self._labels, means), self._units)
        area, (low, high) = float(made.values[1]), made.limits()[1].tolist()
        if np.isfinite(low):
            return area, (low, high), low > 0.5
        fakes, reals = means[self._labels == 1], means[self._labels == 0]
        test = scipy.stats.mannwhitneyu(fakes, reals, alternative="greater")
        return area, None, bool(test.pvalue < 0.025)


def _columns(
    train: Sequence[Record], test: Sequence[Record], of: Callable[[Record], Sequence[float]]
) -> tuple[np.ndarray, np.ndarray]:
    """A field of both splits as scaled columns; none if it is constant in training.

    An unknown value becomes 0, the mean, and an extra column marks it. Squares are added as
    columns, since values of one class may lie between those of the other.
    """
    raw = [np.array([of(record) for record in records], np.float64) for records in (train, test)]
    unknown = [np.isnan(values) for values in raw]
    with np.errstate(invalid="ignore"):
        masked = np.ma.masked_invalid(raw[0])
        middle, spread = masked.mean(axis=0).filled(0), masked.std(axis=0).filled(0)
    varies = spread > 1e-9 * np.maximum(1, np.abs(middle))
    parts = []
    for values, missing in zip(raw, unknown, strict=True):
        scaled = (np.where(missing, middle, values) - middle)[:, varies] / spread[varies]
        scaled = scaled.clip(-_REACH, _REACH)
        flags = missing[:, unknown[0].any(axis=0) & ~unknown[0].all(axis=0)].astype(np.float64)
        parts.append(np.concatenate([scaled, scaled**2 - 1, flags], axis=1))
    return parts[0], parts[1]


def _scores(labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Logits of test records, from a regression fitted to training records."""
    weights = fit(labels, train)
    return test @ weights[1:] + weights[0]


def fit(labels: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Logistic regression with an L2 penalty on all but the intercept.

    Args:
        labels: [n]; 0 or 1.
        columns: float [n, d], of about unit size.

    Returns:
        float [1 + d], the intercept first.

    References:
        Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, section 4.4.
    """
    design = np.concatenate([np.ones((len(columns), 1)), columns], axis=1)
    penalty = np.full(design.shape[1], _PENALTY)
    penalty[0] = 0
    signs = 2.0 * np.asarray(labels) - 1

    def loss(weights: np.ndarray) -> float:
        return np.logaddexp(0, -signs * (design @ weights)).sum() + penalty @ weights**2 / 2

    def slope(weights: np.ndarray) -> np.ndarray:
        wrong = scipy.special.expit(-signs * (design @ weights))
        return penalty * weights - design.T @ (signs * wrong)

    def curvature(weights: np.ndarray) -> np.ndarray:
        chances = scipy.special.expit(design @ weights)
        return (design.T * (chances * (1 - chances))) @ design + np.diag(penalty)

    start = np.zeros(design.shape[1])
    return scipy.optimize.minimize(loss, start, jac=slope, hess=curvature, method="trust-exact").x
