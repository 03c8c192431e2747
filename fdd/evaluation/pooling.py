"""From the logits of a video's clips to one logit for the video."""

import numpy as np
import scipy  # Its submodules are loaded when they are used.

POOLINGS = ("mean_logit", "mean_probability")
WORDS = {
    "mean_logit": "the mean logit of its clips",
    "mean_probability": "the logit of its clips' mean probability",
}


def by_group(logits: np.ndarray, groups: np.ndarray, pooling: str) -> np.ndarray:
    """One logit per group.

    Args:
        logits: float [n].
        groups: int [n]; each clip's group, from 0.
        pooling: 'mean_logit'; or 'mean_probability': the logit of the mean of the clips'
            probabilities, each computed with temperature 1.

    Returns:
        float64 [groups].
    """
    logits = np.asarray(logits, np.float64)
    if pooling == "mean_logit":
        return np.bincount(groups, weights=logits) / np.bincount(groups)
    fake, real = (
        np.log(np.bincount(groups, weights=scipy.special.expit(sign * logits))) for sign in (1, -1)
    )
    return fake - real


def pooled(logits: np.ndarray, pooling: str) -> float:
    """The logit of one video; see `by_group`."""
    return float(by_group(logits, np.zeros(len(logits), int), pooling)[0])


def between(logits: np.ndarray, reach: float, pooling: str) -> tuple[float, float]:
    """Logits so many standard errors below and above the pooled one.

    Args:
        logits: float [n], of at least two clips.
        reach: How many standard errors of the mean, which is that of logits or of probabilities.
        pooling: See `by_group`.
    """
    values = np.asarray(logits, np.float64)
    if pooling == "mean_probability":
        values = scipy.special.expit(values)
    error = reach * np.std(values, ddof=1) / np.sqrt(len(values))
    limits = np.mean(values) + np.array([-error, error])
    if pooling == "mean_probability":
        tiny = np.finfo(np.float64).tiny
        ends = np.log(np.maximum([limits, 1 - limits], tiny))
        limits = ends[0] - ends[1]
    return float(limits[0]), float(limits[1])
