import numpy as np
import pytest
import scipy
import sklearn.metrics

from fdd.evaluation import intervals
from fdd.evaluation.weighted import accuracy_and_auc


def _celebrities(rng, people=59, fakes=340):
    """As in Celeb-DF's test list: videos of 59 people, all combined, and as many of others."""
    rows = [(0, f"id{i}", "") for i in range(people)] * 2
    rows += [(0, f"{i:05d}", "") for i in range(people)]
    for _ in range(fakes):
        target, source = rng.choice(people, 2, replace=False)
        rows.append((1, f"id{target}", f"id{source}"))
    return rows


def _pairs(count):
    """As in FaceForensics++: pairs of people, four methods."""
    rows = []
    for number in range(count):
        a, b = f"{2 * number:03d}", f"{2 * number + 1:03d}"
        rows += [(0, a, ""), (0, b, "")] + [(1, a, b), (1, b, a)] * 4
    return rows


def _actors(count, videos=3):
    """As in DeepFakeDetection: every actor with every other one, in several scenes."""
    names = [f"actor {i:02d}" for i in range(count)]
    rows = [(0, name, "") for name in names] * (3 * videos)
    return rows + [(1, a, b) for a in names for b in names if a != b] * videos


def _alone(count, videos=8):
    """Many videos of each person, without combinations."""
    return [(label, f"{i}", "") for i in range(count) for label in (0, 1)] * videos


def _units(rows):
    labels, targets, sources = zip(*rows, strict=True)
    return np.array(labels), intervals.units(np.array(labels), targets, sources)


def test_official_pairs_are_left_out_together():
    rows = _pairs(12)
    _, found = _units(rows)
    assert (found.groups, found.people, found.effective) == (12, 0, pytest.approx(12))
    np.testing.assert_array_equal(found.first, found.second)
    assert len(set(found.first.tolist())) == 12
    assert all(len(set(found.first[i : i + 10].tolist())) == 1 for i in range(0, 120, 10))


def test_people_who_are_all_combined_are_left_out_one_by_one():
    labels, found = _units(_celebrities(np.random.default_rng(0)))
    assert (found.groups, found.people) == (59, 59)
    assert found.effective > 50
    assert (found.first[labels == 1] != found.second[labels == 1]).all()


def test_pairs_stay_pairs_beside_actors_who_are_all_combined():
    _, found = _units(_pairs(70) + _actors(6))
    assert (found.groups, found.people) == (70, 6)


def test_concentration_is_measured_per_class():
    """The fakes are a tenth of all videos, and all of them combine three people."""
    rows = [(0, f"{i}", "") for i in range(270)]
    rows += [(1, a, b) for a, b in ("ab", "bc", "ca") for _ in range(10)]
    _, found = _units(rows)
    assert found.people == 3
    assert found.effective == pytest.approx(3)


def test_weights_count_scores_several_times():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    logits = rng.integers(-3, 4, 60) + labels
    weights = rng.integers(0, 4, (5, 60)).astype(float)
    found = accuracy_and_auc(labels, logits)(weights)
    for row, (accuracy, area) in zip(weights, found, strict=True):
        expected = sklearn.metrics.roc_auc_score(labels, logits, sample_weight=row)
        assert area == pytest.approx(expected, abs=1e-12)
        assert accuracy == pytest.approx(np.average((logits > 0) == labels, weights=row))


KINDS = {
    "pairs": _pairs(70),
    "few pairs": _pairs(15),
    "all combined": _celebrities(np.random.default_rng(0)),
    "actors all combined": _actors(20),
    "many videos per person": _alone(25),
}


@pytest.mark.parametrize(
    ("kind", "spread", "shared"),
    [
        ("pairs", 0.3, True),
        ("pairs", 1.0, True),
        ("few pairs", 0.3, False),
        ("few pairs", 1.0, False),
        ("all combined", 0.3, True),
        ("all combined", 1.0, False),
        ("actors all combined", 0.3, False),
        ("actors all combined", 1.0, True),
        ("many videos per person", 0.3, True),
        ("many videos per person", 1.0, True),
    ],
)
def test_95_percent_intervals_cover_the_truth_in_92_to_98_percent(kind, spread, shared):
    """Of 500 data sets whose scores are normal, with an effect of each person.

    A fake's score holds its target's effect and its source's; a person has the same effect in both
    roles (`shared`) or two independent ones. The effects' deviation is `spread` times that of a
    video's own part. The fraction of 500 intervals that hold the truth has a standard error of 1 %,
    two of which are below 2 %, and the random numbers are fixed.
    """
    labels, found = _units(KINDS[kind])
    _, targets, sources = zip(*KINDS[kind], strict=True)
    names = sorted({*targets, *sources} - {""})
    target = np.array([names.index(name) for name in targets])
    source = np.array([names.index(name or targets[i]) for i, name in enumerate(sources)])
    two = np.array(sources) != ""
    middle = np.sqrt(1 + spread**2)
    rng = np.random.default_rng(1)
    held = []
    deviation = np.sqrt(1 + spread**2 * (1 + two))
    right = scipy.stats.norm.cdf(middle / deviation).mean()
    variances = [deviation[labels == label][0] ** 2 for label in (0, 1)]
    area = scipy.stats.norm.cdf(2 * middle / np.sqrt(sum(variances)))
    for _ in range(500):
        as_target = rng.normal(size=len(names)) * spread
        as_source = as_target if shared else rng.normal(size=len(names)) * spread
        logits = middle * (2 * labels - 1) + rng.normal(size=len(labels)) + as_target[target]
        logits += np.where(two, as_source[source], 0)
        low, high = intervals.estimate(accuracy_and_auc(labels, logits), found).limits().T
        held.append((low <= (right, area)) & ((right, area) <= high))
    fraction = np.mean(held, axis=0)
    assert ((fraction >= 0.92) & (fraction <= 0.98)).all(), fraction


def test_the_error_of_a_mean_over_two_people_is_that_of_its_parts():
    """For a mean over pairs of n people, as score(a) + score(b), it is that of 2 mean(score)."""
    people = np.random.default_rng(3).normal(size=8)
    first, second = np.triu_indices(8, 1)
    found = intervals.units(np.ones(28), first.astype(str), second.astype(str))
    values = people[first] + people[second]
    made = intervals.estimate(
        lambda weights: (weights @ values / weights.sum(axis=1))[:, None], found
    )
    assert made.values[0] == pytest.approx(2 * people.mean())
    assert made.errors[0] == pytest.approx(2 * people.std(ddof=1) / np.sqrt(8))


def test_a_mean_over_unrelated_videos_has_the_usual_error():
    values = np.random.default_rng(4).normal(size=30)
    names = np.arange(30).astype(str)
    found = intervals.units(np.arange(30) % 2, names, np.full(30, ""))
    made = intervals.estimate(
        lambda weights: (weights @ values / weights.sum(axis=1))[:, None], found
    )
    assert made.errors[0] == pytest.approx(values.std(ddof=1) / np.sqrt(30))
    low, high = made.limits(bounded=False)[0]
    # Fifteen in each class.
    reach = scipy.stats.t.ppf(0.975, 14) * values.std(ddof=1) / np.sqrt(30)
    assert (low, high) == pytest.approx((values.mean() - reach, values.mean() + reach))


def test_all_correct_is_not_certain():
    """Twenty people, all classified correctly: below 83.2 % this would happen in 2.5 % of cases."""
    labels, found = _units(_alone(20))
    made = intervals.estimate(accuracy_and_auc(labels, 2 * labels - 1), found)
    assert made.values.tolist() == [1, 1]
    expected = scipy.stats.binomtest(20, 20).proportion_ci(0.95, method="exact")
    np.testing.assert_allclose(made.limits(), [[expected.low, 1]] * 2)
    made = intervals.estimate(accuracy_and_auc(labels, 1 - 2 * labels), found)
    np.testing.assert_allclose(made.limits(), [[0, 1 - expected.low]] * 2)


def test_too_few_people_have_no_interval():
    labels, found = _units(_pairs(2))
    made = intervals.estimate(
        accuracy_and_auc(labels, np.random.default_rng(0).normal(labels)), found
    )
    assert np.isnan(made.limits()).all()
    assert "Not given: fewer than 5 units" in made.words()
    assert not made.description()["given"]


def test_fakes_of_one_person_have_no_interval_and_the_lost_recomputation_is_counted():
    rows = [(0, f"{i}", "") for i in range(20)] + [(1, "0", "")] * 20
    labels, found = _units(rows)
    made = intervals.estimate(
        accuracy_and_auc(labels, np.random.default_rng(0).normal(labels)), found
    )
    assert np.isnan(made.limits()).all()
    assert made.description()["undefined"] == 1
    assert "1 of the 20 left one class empty" in made.words()


def test_one_class_has_no_auc():
    labels = np.ones(20)
    found = intervals.units(labels, np.arange(20).astype(str), np.full(20, ""))
    made = intervals.estimate(accuracy_and_auc(labels, np.arange(20.0) - 5), found)
    accuracy, area = made.limits()
    assert np.isnan(area).all()
    assert 0 < accuracy[0] < accuracy[1] < 1
