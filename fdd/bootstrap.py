"""Confidence intervals by resampling the people in a test set, not its videos."""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse

_FEWEST_CLUSTERS = 10


def clusters(targets: Sequence[str], sources: Sequence[str]) -> np.ndarray:
    """Puts videos that show the same person into one cluster.

    A fake shows its target and its source, so clusters are the connected parts of the graph of who
    is seen with whom; in FaceForensics++ these are the official pairs. Where that leaves fewer than
    ten clusters, as with a handful of actors who are all combined with each other, videos are
    clustered by target alone.

    Args:
        targets: Id of each video's target.
        sources: Id of each video's source; '' for real videos.

    Returns:
        int [n], numbers of clusters from 0.
    """
    names, ids = np.unique([*targets, *sources], return_inverse=True)
    target_ids, source_ids = np.split(ids, 2)
    fake = np.asarray(sources) != ""
    pairs = (np.ones(fake.sum()), (target_ids[fake], source_ids[fake]))
    graph = scipy.sparse.coo_array(pairs, shape=(len(names), len(names)))
    _, parts = scipy.sparse.csgraph.connected_components(graph, directed=False)
    found = np.unique(parts[target_ids], return_inverse=True)[1]
    if len(found) and found.max() + 1 < _FEWEST_CLUSTERS:
        return np.unique(target_ids, return_inverse=True)[1]
    return found


class WeightedAuc:
    """The area under the ROC curve of fixed scores, quickly, for many weightings of them."""

    def __init__(self, labels: np.ndarray, logits: np.ndarray):
        """Sorts the scores; arguments as `fdd.metrics.auc`."""
        self._order = np.argsort(-np.asarray(logits, np.float64), kind="stable")
        self._fake = np.asarray(labels).astype(bool)[self._order]
        scores = np.asarray(logits)[self._order]
        self._ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))

    def __call__(self, weights: np.ndarray) -> float:
        """The area when score i counts weights[i] times; not a number where a class has none."""
        ordered = weights[self._order]
        fakes = np.append(0, np.cumsum(ordered * self._fake)[self._ends])
        reals = np.append(0, np.cumsum(ordered * ~self._fake)[self._ends])
        if not fakes[-1] or not reals[-1]:
            return float("nan")
        return float(np.trapezoid(fakes, reals) / (fakes[-1] * reals[-1]))


def interval(
    statistic: Callable[[np.ndarray], Sequence[float]],
    groups: np.ndarray,
    num_resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """95 % intervals of statistics, by drawing clusters with replacement.

    Args:
        statistic: How often each of n scores counts, float [n], to k values; a value that is not a
            number is left out.
        groups: int [n]; the cluster of each score.
        num_resamples: Number of draws.
        seed: Decides them.

    Returns:
        float [k, 2], the 2.5th and 97.5th percentiles.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; of clusters:
        Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8.
    """
    rng = np.random.default_rng(seed)
    count = int(groups.max()) + 1
    values = []
    for _ in range(num_resamples):
        drawn = np.bincount(rng.integers(count, size=count), minlength=count)
        values.append(statistic(drawn[groups].astype(np.float64)))
    with np.errstate(all="ignore"):
        table = np.array(values, np.float64)
        missing = np.isnan(table).all(axis=0)
        table[:, missing] = 0
        limits = np.nanpercentile(table, (2.5, 97.5), axis=0).T
    limits[missing] = np.nan
    return limits


def summary_statistics(
    labels: np.ndarray, logits: np.ndarray, threshold: float = 0.0
) -> Callable[[np.ndarray], tuple[float, float]]:
    """Returns what maps weights to (accuracy, AUC) of these scores; see `fdd.metrics`."""
    right = (np.asarray(logits) > threshold) == np.asarray(labels).astype(bool)
    area = WeightedAuc(labels, logits)

    def statistics(weights: np.ndarray) -> tuple[float, float]:
        total = weights.sum()
        accuracy = float(weights @ right / total) if total else float("nan")
        return accuracy, area(weights)

    return statistics
