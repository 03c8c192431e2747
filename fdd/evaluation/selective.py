"""How a detector does that gives no answer about unfamiliar videos.

References:
    Risk and coverage: El-Yaniv and Wiener, On the Foundations of Noise-free Selective
    Classification, JMLR 2010; the area under the curve: Geifman, Uziel and El-Yaniv,
    Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers, ICLR 2019.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fdd.evaluation import metrics
from fdd.evaluation.familiarity import Familiarity


def risk_coverage(distances: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of wrong verdicts if only the most familiar videos are answered.

    Args:
        distances: float [n], n at least 1.
        wrong: bool [n].

    Returns:
        Coverage, the share of answered videos, ascending to 1; and the risk at each, the share of
        wrong verdicts among those. Videos of equal distance are answered together, so a point
        stands for each distinct distance.
    """
    order = np.argsort(distances, kind="stable")
    ordered = np.asarray(distances)[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    counts = np.arange(1, len(order) + 1)
    risks = np.cumsum(np.asarray(wrong, float)[order]) / counts
    return counts[last] / len(order), risks[last]


def area(coverage: np.ndarray, risk: np.ndarray) -> float:
    """The mean of the risk over all coverages."""
    return float(np.sum(risk * np.diff(coverage, prepend=0.0)))


def summarize(
    known: Familiarity,
    distances: np.ndarray,
    labels: np.ndarray,
    logits: np.ndarray,
    threshold: float,
) -> dict[str, Any]:
    """What familiarity says of a data set's videos.

    Args:
        known: The detector's.
        distances: Of the videos, float [n], n at least 1.
        labels: [n]; 1 for fake.
        logits: float [n].
        threshold: A logit above it is called fake.

    Returns:
        JSON-compatible values by name: 'share' (of videos like those of validation that are to be
        familiar), 'answered' (share of the videos), 'auroc' (how often a video is farther from
        training than a validation video; .5: it is as familiar), 'risk_coverage_area',
        'coverage' and 'risk' (the curve), and 'metrics' of 'all' and 'of_answered'
        (`fdd.evaluation.metrics.summarize`; None if no video is answered).
    """
    kept = np.array([known.knows(each) for each in distances])
    coverage, risk = risk_coverage(distances, (logits > threshold) != (labels == 1))
    origin = np.repeat([0, 1], [len(known.known), len(distances)])
    of_kept = metrics.summarize(labels[kept], logits[kept], threshold) if kept.any() else None
    return {
        "share": known.share,
        "answered": float(kept.mean()),
        "auroc": float(metrics.auc(origin, np.concatenate([known.known, distances]))),
        "risk_coverage_area": area(coverage, risk),
        "coverage": coverage.tolist(),
        "risk": risk.tolist(),
        "metrics": {"all": metrics.summarize(labels, logits, threshold), "of_answered": of_kept},
    }


def sentences(found: dict[str, Any]) -> Sequence[str]:
    """A summary in words, for a report."""
    every, kept = found["metrics"]["all"], found["metrics"]["of_answered"]
    text = (
        f"Familiarity: {100 * found['answered']:.1f} % of the videos would get an answer; the "
        "others are unlike those of training. A video is less familiar than one of validation in "
        f"{100 * found['auroc']:.1f} % of all pairs (AUROC; 50 %: as familiar). At the threshold "
        f"of validation, accuracy is {every['accuracy']:.4f} on all videos"
    )
    if kept:
        text += f" and {kept['accuracy']:.4f} on those with an answer"
        if every["auc"] is not None and kept["auc"] is not None:
            text += f"; AUC {every['auc']:.4f} and {kept['auc']:.4f}"
    area_of = found["risk_coverage_area"]
    return [
        f"{text}. The mean risk over all coverages, the most familiar videos first, is "
        f"{area_of:.4f} (area under the risk-coverage curve; metrics.json has the curve). The "
        "tables count all videos, whether they would get an answer or not."
    ]
