"""The official FaceForensics++ splits: which ids are for training, validation and test."""

import functools
import importlib.resources
import json

SPLITS = ("train", "validation", "test")
AMBIGUOUS = ("eval", "evaluation")  # They mean validation or test.

_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "val", "valid", "validate", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_FILES = {"train": "train.json", "validation": "val.json", "test": "test.json"}


def split_named(name: str) -> str | None:
    """Returns the split that a common name means, in upper or lower case; None if it is none."""
    return _NAMES.get(name.strip().lower())


@functools.cache
def official_pairs(split: str) -> tuple[tuple[str, str], ...]:
    """Returns the pairs of sequence ids of one official split.

    A pair (a, b) stands for the originals a and b and, per method, the fakes a_b and b_a.

    Args:
        split: 'train' (360 pairs), 'validation' (70) or 'test' (70).

    Returns:
        Pairs of three-digit ids, in the order of the official lists.

    Raises:
        KeyError: the split has another name.

    References:
        Rössler et al., FaceForensics++: Learning to Detect Manipulated Facial Images, ICCV 2019;
        dataset/splits/*.json of the authors' repository.
    """
    folder = importlib.resources.files("fdd.data") / "official_splits"
    pairs = json.loads((folder / _FILES[split]).read_text())
    return tuple((a, b) for a, b in pairs)


@functools.cache
def _split_by_id() -> dict[str, str]:
    return {i: split for split in SPLITS for pair in official_pairs(split) for i in pair}


def official_split(sequence_id: str) -> str | None:
    """Returns the official split that holds a sequence id, or None for an unknown id."""
    return _split_by_id().get(sequence_id)
