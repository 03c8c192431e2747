"""Which clips of the training split are read together: each alone, or a fake with its original."""

import numpy as np

from fdd.data.records import Dataset
from fdd.errors import UserError

FAKES = ("recorded", "self_blended", "both")
"""Where the fakes of training come from; see `of_training`."""


def size(fakes: str, paired: bool) -> int:
    """How many clips of a batch stay together: 2, a genuine one and its fake, or 1.

    Args:
        fakes: See `of_training`.
        paired: Likewise.
    """
    return 2 if paired or fakes != "recorded" else 1


def of_training(dataset: Dataset, fakes: str, paired: bool) -> np.ndarray | None:
    """The records of the training split that a step reads together.

    Args:
        dataset: The data set.
        fakes: 'recorded': fakes are those of the data set. 'self_blended': none of them is read,
            since fakes are made of the genuine clips (`fdd.training.blending`). 'both': some of
            them are replaced by such.
        paired: With 'recorded': read each fake together with its original; 'both' always does.

    Returns:
        Numbers of records, int [n, k]: n genuine clips (k = 1), or n pairs (k = 2) of a genuine
        clip and a fake of the same person at the same frames, in the order of the records. None if
        each record is read alone.

    Raises:
        UserError: there is no genuine clip, no pair, or no landmarks, which blending needs.
    """
    if fakes != "recorded":
        dataset.require_landmarks()
    elif not paired:
        return None
    found = _genuine(dataset) if fakes == "self_blended" else _pairs(dataset)
    if not len(found):
        key, what = f"config.data.fakes={fakes}", "fake with a genuine clip of its frames"
        if fakes == "self_blended":
            what = "genuine clip"
        elif fakes == "recorded":
            key = "config.data.paired"
        raise UserError(f"{dataset.folder} has no {what} to train on, which {key} needs")
    return found


def clips_per_epoch(dataset: Dataset, groups: np.ndarray | None) -> int:
    """How many clips training sees before it sees one again; a genuine one and its fake are two."""
    return dataset.splits["train"] if groups is None else 2 * len(groups)


def without_original(dataset: Dataset, groups: np.ndarray) -> int:
    """How many fakes of the training split have no original, and so are in no pair."""
    fakes = sum(row["label"] for row in dataset.metadata("train"))
    return fakes - len(groups)


def _genuine(dataset: Dataset) -> np.ndarray:
    labels = np.array([row["label"] for row in dataset.metadata("train")])
    return np.flatnonzero(labels == 0)[:, None]


def _pairs(dataset: Dataset) -> np.ndarray:
    rows = dataset.metadata("train")
    frames = [(row["target"], *map(int, row["frame_indices"])) for row in rows]
    originals = {key: n for n, key in enumerate(frames) if rows[n]["label"] == 0}
    found = [
        (originals[key], n)
        for n, key in enumerate(frames)
        if rows[n]["label"] and rows[n]["target"] and key in originals
    ]
    return np.array(found, int).reshape(-1, 2)
