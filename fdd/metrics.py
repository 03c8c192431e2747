"""How good scores are: sums that merge on the device, and exact metrics of gathered logits."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import scipy.stats


class ClipSums(flax.struct.PyTreeNode):
    """Sums over clips, from which loss and accuracy follow; all float32 [].

    Attributes:
        loss: Sum of losses.
        correct: Number of clips on the right side of logit 0.
        count: Number of clips.
    """

    loss: jax.Array
    correct: jax.Array
    count: jax.Array

    @classmethod
    def zeros(cls) -> "ClipSums":
        """The sums over no clip."""
        return cls(*(jnp.zeros(()) for _ in range(3)))

    @classmethod
    def of(
        cls, losses: jax.Array, logits: jax.Array, labels: jax.Array, weights: jax.Array
    ) -> "ClipSums":
        """The sums over a batch; all arguments are float [b], a weight of 0 leaves a clip out."""
        correct = ((logits > 0) == (labels > 0.5)).astype(jnp.float32)
        kept = weights > 0
        return cls(
            jnp.where(kept, losses, 0).sum(),
            jnp.where(kept, correct, 0).sum(),
            kept.sum(dtype=jnp.float32),
        )

    def merge(self, other: "ClipSums") -> "ClipSums":
        """The sums over the clips of both."""
        return jax.tree.map(jnp.add, self, other)

    def compute(self) -> dict[str, float]:
        """Mean loss and accuracy; not a number where there is no clip."""
        count = float(self.count) or float("nan")
        return {"loss": float(self.loss) / count, "accuracy": float(self.correct) / count}


def auc(labels: np.ndarray, logits: np.ndarray) -> float:
    """Area under the ROC curve: how often a fake scores above a real, ties counting half.

    Args:
        labels: [n]; 1 for fake, 0 for real.
        logits: float [n].

    Returns:
        0 to 1; not a number where a class is missing.

    References:
        Hanley and McNeil, The Meaning and Use of the Area under a ROC Curve, Radiology 1982.
    """
    labels = np.asarray(labels).astype(bool)
    num_fake, num_real = labels.sum(), (~labels).sum()
    if not num_fake or not num_real:
        return float("nan")
    rank_sum = scipy.stats.rankdata(logits)[labels].sum()
    return float((rank_sum - num_fake * (num_fake + 1) / 2) / (num_fake * num_real))


def roc_curve(labels: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ROC curve.

    Args:
        labels: [n]; 1 for fake, 0 for real; both occur.
        logits: float [n].

    Returns:
        False and true positive rates, ascending, both from 0 to 1.
    """
    order = np.argsort(-np.asarray(logits), kind="stable")
    fake, scores = np.asarray(labels).astype(bool)[order], np.asarray(logits)[order]
    ends = np.append(scores[1:] != scores[:-1], True)  # Ties enter the curve together.
    true_positives, false_positives = np.cumsum(fake)[ends], np.cumsum(~fake)[ends]
    return (
        np.append(0, false_positives) / false_positives[-1],
        np.append(0, true_positives) / true_positives[-1],
    )


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean cross-entropy in nats; labels [n] are 1 for fake, 0 for real, logits float [n]."""
    signs = 2 * np.asarray(labels, np.float64) - 1
    return float(-scipy.special.log_expit(signs * np.asarray(logits, np.float64)).mean())


def confusion_matrix(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Counts [[tn, fp], [fn, tp]] at logit 0, where fake is positive."""
    labels, fake = np.asarray(labels).astype(int), (np.asarray(logits) > 0).astype(int)
    matrix = np.zeros((2, 2), int)
    np.add.at(matrix, (labels, fake), 1)
    return matrix


def summarize(labels: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """All metrics of some scores, as JSON-compatible values.

    Args:
        labels: [n]; 1 for fake, 0 for real.
        logits: float [n].

    Returns:
        accuracy, auc (None where a class is missing), log_loss, confusion_matrix, num_real and
        num_fake.
    """
    matrix = confusion_matrix(labels, logits)
    area = auc(labels, logits)
    return {
        "accuracy": float(np.trace(matrix) / matrix.sum()),
        "auc": None if np.isnan(area) else area,
        "log_loss": log_loss(labels, logits),
        "confusion_matrix": matrix.tolist(),
        "num_real": int(matrix[0].sum()),
        "num_fake": int(matrix[1].sum()),
    }
