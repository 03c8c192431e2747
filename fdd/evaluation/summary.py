"""The numbers of a report: metrics with intervals, averages over methods, and calibration."""

import dataclasses
from typing import Any

import numpy as np

from fdd.evaluation import intervals, metrics
from fdd.evaluation.calibration import Calibration
from fdd.evaluation.scores import Scores
from fdd.evaluation.weighted import accuracy_and_auc

_WITH_INTERVAL = ("accuracy", "auc")


def evaluate_scores(scores: Scores, calibration: Calibration) -> dict[str, Any]:
    """All numbers of a report.

    Args:
        scores: Scores of a split's clips.
        calibration: Fitted on validation.

    Returns:
        JSON-compatible: the result of `fdd.evaluation.scores.Scores.summary`, in which 'video' and
        each method also have 'intervals' ({'accuracy', 'auc'}: [low, high] at 95 %, None if there
        is none) and 'interval_basis' (`fdd.evaluation.intervals.Estimate.description`); 'macro',
        the unweighted means of the methods' accuracy and AUC with their intervals; 'calibrated'
        {'temperature', 'threshold', 'video'}, the metrics of videos at the fitted threshold, with
        logits divided by the temperature.
        threshold, their logits divided by the temperature.
    """
    videos = scores.by_video()
    by_method = {method: videos.against_reals(method) for method in videos.forgery_methods}
    summary = scores.summary()
    for values, some in [
        (summary["video"], videos),
        *((summary["per_method"][method], some) for method, some in by_method.items()),
    ]:
        values |= _with_intervals(accuracy_and_auc(some.labels, some.logits), some)
    summary["macro"] = _macro(videos, summary["per_method"])
    scaled = videos.logits / calibration.temperature
    threshold = calibration.threshold / calibration.temperature
    summary["calibrated"] = {
        **dataclasses.asdict(calibration),
        "video": metrics.summarize(videos.labels, scaled, threshold),
    }
    return summary


def _with_intervals(statistic: intervals.Statistic, some: Scores) -> dict[str, Any]:
    found = intervals.units(some.labels, some.target_people, some.source_people)
    made = intervals.estimate(statistic, found)
    limits = {
        name: None if np.isnan(pair).any() else pair.tolist()
        for name, pair in zip(_WITH_INTERVAL, made.limits(), strict=True)
    }
    return {"intervals": limits, "interval_basis": made.description()}


def _macro(videos: Scores, per_method: dict[str, Any]) -> dict[str, Any]:
    if not per_method:
        return {}
    keeps = [(videos.labels == 0) | (videos.methods == method) for method in per_method]
    parts = [videos.only(keep) for keep in keeps]
    statistics = [accuracy_and_auc(part.labels, part.logits) for part in parts]

    def means(weights: np.ndarray) -> np.ndarray:
        pairs = zip(statistics, keeps, strict=True)
        return np.mean([statistic(weights[:, keep]) for statistic, keep in pairs], axis=0)

    values = {name: [summary[name] for summary in per_method.values()] for name in _WITH_INTERVAL}
    return {
        **{name: None if None in each else float(np.mean(each)) for name, each in values.items()},
        **_with_intervals(means, videos),
    }
