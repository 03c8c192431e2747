"""Metrics of scores: sums that can be merged on the device, and exact metrics of gathered logits.

Labels are 1 for fake and 0 for real; fake is the positive class. A metric that is undefined because
a class is missing is NaN.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import scipy  # Its submodules are loaded when they are used.


class ClipSums(flax.struct.PyTreeNode):
    """Sums over clips that give loss and accuracy; scalars of the losses' float type.

    Attributes:
        loss: Sum of losses.
        correct: Number of clips on the right side of logit 0.
        count: Number of clips.
    """

    loss: jax.Array
    correct: jax.Array
    count: jax.Array

    @classmethod
    def zeros(cls, dtype: jnp.dtype = jnp.float32) -> "ClipSums":
        """The sums before any clip."""
        return cls(*(jnp.zeros((), dtype) for _ in range(3)))

    @classmethod
    def of(
        cls, losses: jax.Array, logits: jax.Array, labels: jax.Array, weights: jax.Array
    ) -> "ClipSums":
        """The sums over a batch; all arguments are float [b], and a weight of 0 omits a clip."""
        correct = ((logits > 0) == (labels > 0.5)).astype(losses.dtype)
        kept = weights > 0
        return cls(
            jnp.where(kept, losses, 0).sum(),
            jnp.where(kept, correct, 0).sum(),
            kept.sum(dtype=losses.dtype),
        )

    def merge(self, other: "ClipSums") -> "ClipSums":
        """The sums over the clips of both sums."""
        return jax.tree.map(jnp.add, self, other)

    def compute(self) -> dict[str, float]:
        """Mean loss and accuracy; NaN if there is no clip."""
        count = float(self.count) or float("nan")
        return {"loss": float(self.loss) / count, "accuracy": float(self.correct) / count}


def auc(labels: np.ndarray, logits: np.ndarray) -> float:
    """Area under the ROC curve: how often a fake scores above a real video; ties count half.

    Args:
        labels: [n].
        logits: float [n]; may be infinite.

    Returns:
        0 to 1.

    References:
        Hanley and McNeil, The Meaning and Use of the Area under a ROC Curve, Radiology 1982.
    """
    labels = np.asarray(labels).astype(bool)
    num_fake, num_real = labels.sum(), (~labels).sum()
    if not num_fake or not num_real:
        return float("nan")
    rank_sum = scipy.stats.rankdata(logits)[labels].sum()
    return float((rank_sum - num_fake * (num_fake + 1) / 2) / (num_fake * num_real))


def _cumulative(labels: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of reals and fakes with at least each distinct logit, in descending order."""
    order = np.argsort(-np.asarray(logits, np.float64), kind="stable")
    fake, scores = np.asarray(labels).astype(bool)[order], np.asarray(logits)[order]
    ends = np.append(scores[1:] != scores[:-1], True)  # Ties count together.
    return np.cumsum(~fake)[ends], np.cumsum(fake)[ends]


def roc_curve(labels: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ROC curve.

    Args:
        labels: [n]; both classes occur.
        logits: float [n].

    Returns:
        False and true positive rates, ascending, both from 0 to 1.
    """
    reals, fakes = _cumulative(labels, logits)
    return np.append(0, reals) / reals[-1], np.append(0, fakes) / fakes[-1]


def average_precision(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean precision over the fakes: the area under the precision-recall steps.

    Args:
        labels: [n].
        logits: float [n].

    Returns:
        0 to 1; NaN without fakes.
    """
    reals, fakes = _cumulative(labels, logits)
    if not fakes[-1]:
        return float("nan")
    precision = fakes / (reals + fakes)
    return float(np.sum(np.diff(fakes, prepend=0) * precision) / fakes[-1])


def equal_error_rate(labels: np.ndarray, logits: np.ndarray) -> float:
    """The error rate where false negative rate equals false positive rate.

    Args:
        labels: [n].
        logits: float [n].

    Returns:
        0 to 1.
    """
    if len(np.unique(np.asarray(labels).astype(bool))) < 2:
        return float("nan")
    false, true = roc_curve(labels, logits)
    gap = false + true - 1  # Rises from -1 to 1; 0 where both rates are equal.
    after = int(np.argmax(gap >= 0))
    before = after - 1
    fraction = -gap[before] / (gap[after] - gap[before])
    return float(false[before] + fraction * (false[after] - false[before]))


def true_positive_rate_at(
    labels: np.ndarray, logits: np.ndarray, false_positive_rate: float
) -> float:
    """The largest true positive rate of all thresholds up to a false positive rate.

    Args:
        labels: [n].
        logits: float [n].
        false_positive_rate: 0 to 1.

    Returns:
        0 to 1.
    """
    if len(np.unique(np.asarray(labels).astype(bool))) < 2:
        return float("nan")
    false, true = roc_curve(labels, logits)
    return float(true[false <= false_positive_rate].max())


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean cross-entropy in nats.

    Args:
        labels: [n].
        logits: float [n].

    Returns:
        0 or more; infinite if an infinite logit is wrong.
    """
    signs = 2 * np.asarray(labels, np.float64) - 1
    return float(-scipy.special.log_expit(signs * np.asarray(logits, np.float64)).mean())


def brier_score(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean squared difference of probability and label; arguments as `log_loss`; 0 to 1.

    References:
        Brier, Verification of Forecasts Expressed in Terms of Probability, 1950.
    """
    probabilities = scipy.special.expit(np.asarray(logits, np.float64))
    return float(np.mean((probabilities - np.asarray(labels)) ** 2))


def reliability(
    labels: np.ndarray, logits: np.ndarray, num_bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compares probabilities of fake with the observed frequency, in bins of equal width.

    Args:
        labels: [n].
        logits: float [n].
        num_bins: Number of bins between 0 and 1.

    Returns:
        Mean probability, fraction of fakes, and number of scores, for each bin that is not empty.
    """
    probabilities = scipy.special.expit(np.asarray(logits, np.float64))
    bins = np.minimum((probabilities * num_bins).astype(int), num_bins - 1)
    counts = np.bincount(bins, minlength=num_bins)
    used = counts > 0
    means = np.bincount(bins, weights=probabilities, minlength=num_bins)[used] / counts[used]
    fractions = (
        np.bincount(bins, weights=np.asarray(labels), minlength=num_bins)[used] / counts[used]
    )
    return means, fractions, counts[used]


def expected_calibration_error(labels: np.ndarray, logits: np.ndarray, num_bins: int = 10) -> float:
    """Mean distance between a bin's probability and its fraction of fakes; see `reliability`.

    References:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (there of the predicted
        class's probability, here of fake's).
    """
    means, fractions, counts = reliability(labels, logits, num_bins)
    return float(np.sum(counts * np.abs(means - fractions)) / counts.sum())


def confusion_matrix(labels: np.ndarray, logits: np.ndarray, threshold: float = 0.0) -> np.ndarray:
    """Counts [[tn, fp], [fn, tp]]; a logit above the threshold is called fake."""
    labels = np.asarray(labels).astype(int)
    called = (np.asarray(logits) > threshold).astype(int)
    matrix = np.zeros((2, 2), int)
    np.add.at(matrix, (labels, called), 1)
    return matrix


def summarize(labels: np.ndarray, logits: np.ndarray, threshold: float = 0.0) -> dict[str, Any]:
    """All metrics of some scores.

    Args:
        labels: [n], n at least 1.
        logits: float [n].
        threshold: A logit above it is called fake.

    Returns:
        Values by name, JSON-compatible; None where a metric is undefined or infinite.
    """
    matrix = confusion_matrix(labels, logits, threshold)
    (tn, fp), (fn, tp) = matrix.tolist()
    values = {
        "accuracy": (tn + tp) / matrix.sum(),
        "accuracy_real": tn / (tn + fp) if tn + fp else np.nan,
        "accuracy_fake": tp / (tp + fn) if tp + fn else np.nan,
        "auc": auc(labels, logits),
        "average_precision": average_precision(labels, logits),
        "equal_error_rate": equal_error_rate(labels, logits),
        "tpr_at_1_percent_fpr": true_positive_rate_at(labels, logits, 0.01),
        "tpr_at_5_percent_fpr": true_positive_rate_at(labels, logits, 0.05),
        "log_loss": log_loss(labels, logits),
        "brier_score": brier_score(labels, logits),
        "expected_calibration_error": expected_calibration_error(labels, logits),
    }
    return {
        **{name: float(value) if np.isfinite(value) else None for name, value in values.items()},
        "confusion_matrix": matrix.tolist(),
        "num_real": tn + fp,
        "num_fake": fn + tp,
    }
