import numpy as np
import pytest
import sklearn.metrics

from fdd import bootstrap


def test_clusters_are_the_pairs():
    targets, sources = [], []
    for number in range(12):
        a, b = f"{2 * number:03d}", f"{2 * number + 1:03d}"
        targets += [a, b, a, b]
        sources += ["", "", b, a]
    groups = bootstrap.clusters(targets, sources)
    assert len(set(groups.tolist())) == 12
    assert all(len(set(groups[i : i + 4].tolist())) == 1 for i in range(0, 48, 4))


def test_few_people_are_clustered_by_target():
    groups = bootstrap.clusters(["1", "2", "3", "1", "2"], ["", "", "", "2", "3"])
    assert groups.tolist() == [0, 1, 2, 0, 1]


def test_weighted_auc_is_the_auc_of_repeated_scores():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    logits = rng.integers(-3, 4, 60) + labels
    weights = rng.integers(0, 4, 60)
    expected = sklearn.metrics.roc_auc_score(labels, logits, sample_weight=weights)
    area = bootstrap.WeightedAuc(labels, logits)(weights.astype(float))
    assert area == pytest.approx(expected, abs=1e-12)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """Normal scores one deviation apart have an AUC of 0.7602."""
    rng = np.random.default_rng(1)
    labels = np.tile([0, 1], 60)
    covered = 0
    for trial in range(100):
        logits = rng.normal(labels, 1.0)
        statistics = bootstrap.summary_statistics(labels, logits)
        low, high = bootstrap.interval(statistics, np.arange(120), 200, seed=trial)[1]
        covered += low <= 0.7602 <= high
    assert 88 <= covered <= 99


def test_clustered_scores_give_wider_intervals():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 8)
    labels = np.tile([0, 0, 0, 0, 1, 1, 1, 1], 30)
    logits = rng.normal(size=30)[groups] * 2 * labels + rng.normal(size=240) * 0.1
    statistics = bootstrap.summary_statistics(labels, logits)
    clustered = bootstrap.interval(statistics, groups)[1]
    single = bootstrap.interval(statistics, np.arange(240))[1]
    assert np.ptp(clustered) > 1.3 * np.ptp(single)


def test_one_class_has_no_auc():
    statistics = bootstrap.summary_statistics(np.ones(20), np.arange(20.0) - 5)
    accuracy, area = bootstrap.interval(statistics, np.arange(20), 50)
    assert np.isnan(area).all()
    assert 0 < accuracy[0] < accuracy[1] < 1
