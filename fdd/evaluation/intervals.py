"""Confidence intervals over the people in a test set, not over its videos.

Scores of videos with the same person are correlated. So the jackknife leaves out each person's
videos in turn, and the spread of the statistic shows how much it depends on who is in the test set.
A fake shows two people. If people form many separate pairs, a pair is left out as one unit. If all
people are combined with each other, no person can be left out together with everybody that they are
combined with, so each person is a unit. Leaving out single people covers targets and sources, but
counts twice the variance that each combination of two people adds; it is subtracted once.

The pigeonhole bootstrap (Owen, The Pigeonhole Bootstrap, Annals of Applied Statistics 2007) counts
that variance three times. With scores simulated as in `tests/evaluation/test_intervals.py`, the
coverage of its 95 % intervals is 97 to 100 % if 20 or 59 people are combined as in Celeb-DF, and 67
to 98 % if 6 or 12 people are all combined as in DeepFakeDetection. The intervals here have 92 to
97 % and 84 to 96 %: a few people who differ much remain a hard case.

References:
    Efron and Stein, The Jackknife Estimate of Variance, Annals of Statistics 1981; of clusters:
    Obuchowski, Nonparametric Analysis of Clustered ROC Curve Data, Biometrics 1997; of pairs of
    people: Aronow, Samii and Assenova, Cluster-Robust Variance Estimation for Dyadic Data,
    Political Analysis 2015; on the logit scale: Pepe, The Statistical Evaluation of Medical Tests
    for Classification and Prediction, 2003, section 5.2; effective numbers: Kish, Survey Sampling,
    1965.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy  # Its submodules are loaded when they are used.

FEWEST_UNITS = 5
"""If a class has fewer people, or groups of people, no interval is given."""

_LARGEST_FRACTION = 0.1  # Of a class; a larger group of people is divided into its people.
_WEIGHTS_AT_A_TIME = 4_000_000

Statistic = Callable[[np.ndarray], np.ndarray]
"""Maps weights of n scores, float [m, n], to k values each, [m, k]."""


@dataclasses.dataclass(frozen=True)
class Units:
    """The units that are left out in turn.

    Attributes:
        first: int [n]; unit of each video's target.
        second: int [n]; unit of each video's source; if there is none, that of its target.
        groups: Number of units that are groups of people seen together (or one person alone).
        people: Number of units that are single people from divided groups.
        effective: Effective number of units, of the class in which it is smaller.
    """

    first: np.ndarray
    second: np.ndarray
    groups: int
    people: int
    effective: float

    @property
    def count(self) -> int:
        """Number of units."""
        return self.groups + self.people


def units(labels: np.ndarray, targets: Sequence[str], sources: Sequence[str]) -> Units:
    """Decides which units are left out in turn.

    People who are seen together, directly or through others, are one group; in FaceForensics++
    these are the official pairs. A group of three or more people that has more than a tenth of the
    real videos or of the fakes is divided into its people.

    Args:
        labels: [n]; 1 for fake.
        targets: The person who is the target of each fake, or is seen in each real video.
        sources: The person whose face a fake shows; '' if there is nobody else.
    """
    labels = np.asarray(labels).astype(bool)
    names, target_ids, source_ids = _people(targets, sources)
    group = _components(target_ids, source_ids, len(names))
    num_groups = int(group.max()) + 1
    fractions = [
        np.bincount(group[target_ids[labels == label]], minlength=num_groups)
        / max(1, (labels == label).sum())
        for label in (False, True)
    ]
    apart = (np.max(fractions, axis=0) > _LARGEST_FRACTION) & (np.bincount(group) > 2)
    unit = np.unique(
        np.where(apart[group], num_groups + np.arange(len(names)), group), return_inverse=True
    )[1]
    first, second = unit[target_ids], unit[source_ids]
    people = int(apart[group].sum())
    count = int(unit.max()) + 1
    effective = min(
        _effective(_members(first, second, labels == label), count) for label in np.unique(labels)
    )
    return Units(
        first=first, second=second, groups=count - people, people=people, effective=effective
    )


def together(targets: Sequence[str], sources: Sequence[str]) -> np.ndarray:
    """The group of people that each video shows, int [n], from 0.

    People who are seen together, directly or through others, are one group. The arguments are
    those of `units`.
    """
    names, target_ids, source_ids = _people(targets, sources)
    return _components(target_ids, source_ids, len(names))[target_ids]


def _people(
    targets: Sequence[str], sources: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Everybody's names; and of each video the numbers of its target and of its source."""
    sources = np.where(np.asarray(sources) == "", targets, sources)
    names, ids = np.unique([*targets, *sources], return_inverse=True)
    return names, *np.split(ids, 2)


def _components(target_ids: np.ndarray, source_ids: np.ndarray, count: int) -> np.ndarray:
    """The group of each of `count` people; int [count]."""
    edges = (np.ones(len(target_ids)), (target_ids, source_ids))
    graph = scipy.sparse.coo_array(edges, shape=(count, count))
    return scipy.sparse.csgraph.connected_components(graph, directed=False)[1]


def _members(first: np.ndarray, second: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The first unit of each chosen video, and the second one of those with two units."""
    return np.concatenate([first[chosen], second[chosen & (first != second)]])


def _effective(members: np.ndarray, count: int) -> float:
    sizes = np.bincount(members, minlength=count).astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes @ sizes))


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The result of `estimate`, for k statistics.

    Attributes:
        values: float [k]; from all scores.
        errors: float [k]; standard errors, NaN if there is none.
        undefined: int [k]; how often a statistic was undefined after leaving out a unit.
        units: The units that were left out in turn.
    """

    values: np.ndarray
    errors: np.ndarray
    undefined: np.ndarray
    units: Units

    def limits(self, bounded: bool = True) -> np.ndarray:
        """95 % intervals by Student's t; float [k, 2], NaN if none can be given.

        Args:
            bounded: Whether the values are between 0 and 1. Then t is used on the logit scale. If
                a value is 0 or 1, the other limit is that of Clopper and Pearson (Biometrika 1934)
                with one independent trial per unit.
        """
        size = self.units.effective
        if size < FEWEST_UNITS:
            return np.full((len(self.values), 2), np.nan)
        reach = scipy.stats.t.ppf(0.975, size - 1) * self.errors
        values = self.values
        if not bounded:
            return np.stack([values - reach, values + reach], axis=1)
        inside = (values > 0) & (values < 1)
        safe = np.where(inside, values, 0.5)
        middle, reach = scipy.special.logit(safe), reach / (safe * (1 - safe))
        ends = scipy.special.expit(np.stack([middle - reach, middle + reach], axis=1))
        bound = 0.025 ** (1 / size)
        ends[values == 1] = (bound, 1.0)
        ends[values == 0] = (0.0, 1 - bound)
        return np.where(np.isfinite(self.errors)[:, None], ends, np.nan)

    def description(self) -> dict[str, Any]:
        """A description of the method, JSON-compatible, for metrics.json."""
        return {
            "method": "jackknife",
            "groups": self.units.groups,
            "people_apart": self.units.people,
            "effective_units": round(self.units.effective, 2),
            "undefined": int(self.undefined.max(initial=0)),
            "given": bool(np.isfinite(self.limits()).any()),
            "words": self.words(),
        }

    def words(self) -> str:
        """A description of the method, in a sentence or two."""
        found = self.units
        parts = []
        if found.groups:
            parts.append(f"{found.groups} groups of people seen together")
        if found.people:
            parts.append(
                f"{found.people} people who are combined with each other, one by one, as target "
                "and as source"
            )
        text = f"Left out in turn: {' and '.join(parts)}; {found.effective:.1f} effective units"
        text += " in the class that has fewer."
        if lost := int(self.undefined.max(initial=0)):
            text += f" {lost} of the {found.count} left one class empty."
        if found.effective < FEWEST_UNITS:
            text += f" Not given: fewer than {FEWEST_UNITS} units."
        elif lost:
            text += " Not given in that case."
        return text


def estimate(statistic: Statistic, found: Units) -> Estimate:
    """Statistics with jackknife standard errors: each unit is left out in turn.

    Args:
        statistic: See `Statistic`.
        found: The result of `units` for the scores.
    """
    everything = np.ones((1, len(found.first)))
    values = np.asarray(statistic(everything), np.float64)[0]
    by_unit = _without(statistic, [found.first, found.second], found.count)
    undefined = np.isnan(by_unit).sum(axis=0)
    deviations = by_unit - by_unit.mean(axis=0)
    variance = (deviations**2).sum(axis=0) * (found.count - 1) / found.count
    variance = np.maximum(variance - _counted_twice(statistic, values, found), variance / 2)
    return Estimate(values=values, errors=np.sqrt(variance), undefined=undefined, units=found)


def _without(statistic: Statistic, members: Sequence[np.ndarray], count: int) -> np.ndarray:
    """The statistics without each of `count` sets of videos; float [count, k]."""
    step = max(1, _WEIGHTS_AT_A_TIME // max(1, len(members[0])))
    parts = []
    for start in range(0, count, step):
        numbers = np.arange(start, min(start + step, count))[:, None]
        inside = np.any([numbers == each for each in members], axis=0)
        parts.append(np.asarray(statistic(1.0 - inside), np.float64))
    return np.concatenate(parts)


def _counted_twice(statistic: Statistic, values: np.ndarray, found: Units) -> np.ndarray:
    """The variance that combinations of two units add to that of single units; float [k].

    Each combination's influence is fitted by the sum of its two units' effects; the residual is the
    combination's own effect. With as many effects as combinations it cannot be estimated and is 0.
    """
    double = found.first != found.second
    if not double.any():
        return np.zeros(len(values))
    both = np.sort(np.stack([found.first, found.second], axis=1)[double], axis=1)
    pairs, pair, sizes = np.unique(both, axis=0, return_inverse=True, return_counts=True)
    number = np.full(len(double), -1)
    number[double] = pair.ravel()
    influence = _without(statistic, [number], len(pairs)) - values
    if not np.isfinite(influence).all():
        return np.zeros(len(values))
    used, columns = np.unique(pairs, return_inverse=True)
    design = np.zeros((len(pairs), len(used)))
    np.put_along_axis(design, columns.reshape(pairs.shape), 1.0, axis=1)
    root = np.sqrt(sizes)[:, None]
    effects, _, rank, _ = np.linalg.lstsq(design * root, influence / root, rcond=None)
    freedom = len(pairs) - rank
    if not freedom:
        return np.zeros(len(values))
    own = influence - sizes[:, None] * (design @ effects)
    return (own**2).sum(axis=0) * len(pairs) / freedom
