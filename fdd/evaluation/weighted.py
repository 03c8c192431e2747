"""Accuracy and AUC of fixed scores for many sets of weights at once."""

from collections.abc import Callable

import numpy as np


def accuracy_and_auc(
    labels: np.ndarray, logits: np.ndarray, threshold: float = 0.0
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from weights to (accuracy, AUC); see `fdd.evaluation.metrics`.

    Args:
        labels: [n]; 1 for fake.
        logits: float [n].
        threshold: A logit above it is called fake.

    Returns:
        A function from weights, float [m, n], to float [m, 2]. An AUC is NaN if a class has no
        weight, an accuracy if both have none.
    """
    labels, logits = np.asarray(labels).astype(bool), np.asarray(logits, np.float64)
    right = ((logits > threshold) == labels).astype(np.float64)
    fake, real = np.flatnonzero(labels), np.flatnonzero(~labels)
    real = real[np.argsort(logits[real], kind="stable")]
    below = np.searchsorted(logits[real], logits[fake], "left")
    upto = np.searchsorted(logits[real], logits[fake], "right")

    def statistics(weights: np.ndarray) -> np.ndarray:
        reals = np.zeros((len(weights), len(real) + 1))
        np.cumsum(weights[:, real], axis=1, out=reals[:, 1:])
        fakes = weights[:, fake]
        won = np.einsum("mf,mf->m", fakes, reals[:, below] + reals[:, upto]) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            area = won / (fakes.sum(axis=1) * reals[:, -1])
            accuracy = weights @ right / weights.sum(axis=1)
        return np.stack([accuracy, area], axis=1)

    return statistics
