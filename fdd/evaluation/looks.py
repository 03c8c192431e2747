"""What a detector's parts make of a split's clips: what familiarity is fitted and measured on."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from fdd.data import pipeline
from fdd.data.records import Dataset
from fdd.evaluation import familiarity, quantities
from fdd.evaluation.familiarity import Familiarity

MOST_CLIPS = 2048
"""Of the training split, evenly spread over its records."""

LookStep = Callable[[Any, Mapping[str, np.ndarray]], Mapping[str, jax.Array]]


class Looks(NamedTuple):
    """What was seen in n clips.

    Attributes:
        rows: Their fields, without frames.
        logits: float64 [n].
        features: float [n, d] by part; see `fdd.training.look.look_step`.
    """

    rows: list[dict[str, Any]]
    logits: np.ndarray
    features: dict[str, np.ndarray]

    @property
    def videos(self) -> np.ndarray:
        """The clips' videos, [n]."""
        return np.array([row["video_id"] for row in self.rows])

    def quantities(self, statistics: str) -> list[dict[str, float]]:
        """The measurable quantities of each clip; `statistics` names the part of the frames."""
        return [
            quantities.measured(
                values,
                row["video_height"],
                row["video_width"],
                float(row["fps"]),
                row["face_box"],
                row["crop_box"],
                int(row["file_bytes"]),
                int(row["video_frames"]),
            )
            for values, row in zip(self.features[statistics], self.rows, strict=True)
        ]


def look(
    step: LookStep,
    state: Any,
    dataset: Dataset,
    split: str,
    batch_size: int,
    most: int | None = None,
) -> Looks:
    """Looks at the clips of a split.

    Args:
        step: `fdd.training.look.look_step`, compiled by `fdd.devices.parallel.Parallel`.
        state: The model's parameters and statistics.
        dataset: The data set.
        split: 'train', 'validation' or 'test'.
        batch_size: Clips at a time, over all devices.
        most: The largest number of clips, evenly spread over the records; None: all.

    Raises:
        UserError: the data set has no such split, or a record cannot be read.
    """
    rows = dataset.metadata(split)
    chosen = np.arange(len(rows))
    if most is not None and len(rows) > most:
        chosen = np.linspace(0, len(rows) - 1, most).round().astype(int)
    shard = pipeline.Shard(jax.process_index(), jax.process_count())
    batches = pipeline.eval_batches(
        dataset, split, batch_size=batch_size, shard=shard, chosen=chosen
    )
    found = [
        {name: np.asarray(x) for name, x in step(state, {"frames": batch["frames"]}).items()}
        for batch in batches
    ]
    together = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    features = {name: values[: len(chosen)] for name, values in together.items()}
    logits = features.pop("logits").astype(np.float64)
    return Looks([rows[index] for index in chosen], logits, features)


def fit(
    step: LookStep,
    state: Any,
    dataset: Dataset,
    batch_size: int,
    share: float,
    statistics: str,
    validation: Looks | None = None,
) -> Familiarity:
    """Fits familiarity on a data set's training and validation splits.

    Without a training split, half of the validation videos stand for it, and the other half alone
    sets the threshold; the result's `source` says so.

    Args:
        step: As for `look`, as are the next three.
        state: The model's parameters and statistics.
        dataset: The data set.
        batch_size: Clips at a time.
        share: See `fdd.evaluation.familiarity.fit`.
        statistics: The part of the frames themselves.
        validation: What was seen in the validation split, if it was looked at already.

    Raises:
        UserError: see `look`.
    """
    if validation is None:
        validation = look(step, state, dataset, "validation", batch_size)
    if "train" in dataset.splits:
        training = look(step, state, dataset, "train", batch_size, MOST_CLIPS)
        source = f"{len(set(training.videos))} training videos of {dataset.name}"
    else:
        odd = np.unique(validation.videos, return_inverse=True)[1] % 2 == 1
        training, validation = _only(validation, ~odd), _only(validation, odd)
        source = (
            f"{len(set(training.videos))} validation videos of {dataset.name}, which has no "
            "training split"
        )
    return familiarity.fit(
        training.features,
        validation.features,
        validation.videos,
        share,
        quantities.ranges(training.quantities(statistics)),
        source,
    )


def _only(looks: Looks, keep: np.ndarray) -> Looks:
    return Looks(
        [row for row, kept in zip(looks.rows, keep, strict=True) if kept],
        looks.logits[keep],
        {name: values[keep] for name, values in looks.features.items()},
    )
