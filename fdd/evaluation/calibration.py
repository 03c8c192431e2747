"""Calibration on the validation split: probabilities from logits, and a threshold."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy  # Its submodules are loaded when they are used.

from fdd.evaluation import metrics

ONE_CLASS = "validation had only one class"

_LOG_TEMPERATURES = (np.log(0.05), np.log(20))


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Values that are fitted on validation videos and stored with a checkpoint.

    Attributes:
        temperature: Logits are divided by it before they become probabilities.
        threshold: A video whose logit (before that division) is above it is called fake.
        fitted: Whether they were fitted; otherwise they are neutral.
        reason: Why they were not, as a clause.
    """

    temperature: float = 1.0
    threshold: float = 0.0
    fitted: bool = True
    reason: str = ""

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> "Calibration":
        """From a checkpoint's values; those of older versions lack `fitted` and `reason`."""
        neutral = (values["temperature"], values["threshold"]) == (1.0, 0.0)
        fitted = values.get("fitted", not neutral)
        return cls(**{"fitted": fitted, "reason": "" if fitted else ONE_CLASS, **values})


def fit(labels: np.ndarray, logits: np.ndarray) -> Calibration:
    """Fits a temperature and a threshold.

    The temperature minimises the cross-entropy, with equal weight for both classes. The labels are
    replaced by Platt's targets, which depend on the number of labels, so that the temperature is
    finite if the classes are separated. The threshold maximises the mean of the accuracies on real
    and on fake videos. It is half-way between two scores, or 0; of several maxima, the one nearest
    to 0 is used.

    Args:
        labels: [n]; 1 for fake, 0 for real.
        logits: float [n].

    Returns:
        The calibration; neutral and not fitted if a class is missing.

    References:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017; Platt, Probabilistic
        Outputs for Support Vector Machines, 1999.
    """
    labels = np.asarray(labels).astype(bool)
    logits = np.asarray(logits, np.float64)
    num_fake, num_real = int(labels.sum()), int((~labels).sum())
    if not num_fake or not num_real:
        return Calibration(fitted=False, reason=ONE_CLASS)
    targets = np.where(labels, (num_fake + 1) / (num_fake + 2), 1 / (num_real + 2))
    weights = np.where(labels, 0.5 / num_fake, 0.5 / num_real)

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        likelihood = targets * scipy.special.log_expit(scaled)
        likelihood += (1 - targets) * scipy.special.log_expit(-scaled)
        return float(-weights @ likelihood)

    best = scipy.optimize.minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded")
    return Calibration(temperature=float(np.exp(best.x)), threshold=_threshold(labels, logits))


def _threshold(labels: np.ndarray, logits: np.ndarray) -> float:
    distinct = np.unique(logits)
    middles = (distinct[1:] + distinct[:-1]) / 2
    candidates = np.concatenate([[distinct[0] - 1], middles, [distinct[-1]], [0.0]])
    scores = []
    for candidate in candidates:
        (tn, fp), (fn, tp) = metrics.confusion_matrix(labels, logits, candidate)
        scores.append(tn / (tn + fp) + tp / (tp + fn))
    best = candidates[np.isclose(scores, max(scores))]
    return float(best[np.argmin(np.abs(best))])
