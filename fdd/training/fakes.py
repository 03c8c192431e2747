"""Fakes of a split that has none: an evaluation makes them, if training does."""

import ml_collections

from fdd.data.records import Dataset
from fdd.evaluation.scores import SELF_BLENDED, MakeFakes, Scores
from fdd.training import blending


def for_split(config: ml_collections.ConfigDict, dataset: Dataset, split: str) -> MakeFakes | None:
    """What makes the fakes that a split is evaluated with.

    Args:
        config: The run's.
        dataset: The data set that is evaluated.
        split: 'train', 'validation' or 'test'.

    Returns:
        None if the split has recorded fakes, or if training blends none
        (`config.data.fakes='recorded'`).

    Raises:
        UserError: the data set has no landmarks, which blending needs.
    """
    if config.data.fakes == "recorded" or has_fakes(dataset, split):
        return None
    dataset.require_landmarks()
    return blending.for_evaluation(blending.Settings.of(config.blend), config.seed)


def has_fakes(dataset: Dataset, split: str) -> bool:
    """Whether a split has recorded fakes."""
    return any(row["label"] for row in dataset.metadata(split))


def notes(scores: Scores) -> list[str]:
    """A remark for the reader of a report if the fakes that were scored were made."""
    if SELF_BLENDED not in scores.forgery_methods:
        return []
    return [
        "The split has no recorded fakes: its fakes are self-blended, made of its genuine clips as "
        "those of training are, with other draws. The numbers say nothing about forgeries that "
        "somebody made in another way."
    ]
