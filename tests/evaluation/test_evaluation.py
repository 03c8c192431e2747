import dataclasses

import jax
import numpy as np
import pytest

from fdd.evaluation.calibration import Calibration
from fdd.evaluation.scores import Scores
from fdd.evaluation.summary import evaluate_scores


def _scores(rng, signal, methods=("A", "B", "C", "D"), people=40, clips=3):
    """Real and fake clips; all four methods share the file names."""
    rows = []
    for person in range(people):
        for method in ("youtube", *methods):
            label = int(method != "youtube")
            for clip in range(clips):
                logit = rng.normal() + signal * label
                rows.append(
                    (f"{method}/{person:03d}", method, label, clip, logit, f"{person:03d}", "")
                )
    fields = dataclasses.fields(Scores)
    names = [field.name for field in fields if field.default is dataclasses.MISSING][1:]
    columns = map(np.array, zip(*rows, strict=True))
    return Scores(split="test", **dict(zip(names, columns, strict=True)))


def test_random_scores_have_an_interval_that_contains_one_half():
    summary = evaluate_scores(_scores(np.random.default_rng(0), 0.0), Calibration())
    for values in (summary["video"], summary["macro"], *summary["per_method"].values()):
        low, high = values["intervals"]["auc"]
        assert low < 0.5 < high
        assert low < values["auc"] < high


def test_methods_that_share_file_names_are_kept_apart():
    scores = _scores(np.random.default_rng(1), 0.0)
    merged = np.where(scores.methods == "A", 5.0, scores.logits)
    scores = dataclasses.replace(scores, logits=merged)
    summary = evaluate_scores(scores, Calibration())
    assert summary["per_method"]["A"]["auc"] == 1.0
    assert summary["per_method"]["B"]["auc"] < 0.7
    assert summary["video"]["num_fake"] == 4 * 40
    others = [summary["per_method"][name]["auc"] for name in "ABCD"]
    assert summary["macro"]["auc"] == pytest.approx(np.mean(others))


def test_order_does_not_matter():
    scores = _scores(np.random.default_rng(2), 1.0)
    shuffled = scores.only(np.random.default_rng(3).permutation(len(scores.logits)))
    first, second = (
        evaluate_scores(each, Calibration(temperature=2.0, threshold=0.3))
        for each in (scores, shuffled)
    )
    assert jax.tree.structure(first) == jax.tree.structure(second)
    numbers = [leaf for leaf in jax.tree.leaves(first) if not isinstance(leaf, str)]
    again = [leaf for leaf in jax.tree.leaves(second) if not isinstance(leaf, str)]
    np.testing.assert_allclose(numbers, again, atol=1e-9)


def test_calibration_changes_decisions_and_probabilities_but_no_ranking():
    scores = _scores(np.random.default_rng(4), 1.0)
    summary = evaluate_scores(scores, Calibration(temperature=2.0, threshold=0.5))
    after = summary["calibrated"]["video"]
    assert after["auc"] == summary["video"]["auc"]
    assert after["log_loss"] != summary["video"]["log_loss"]
    videos = scores.by_video()
    right = (videos.logits > 0.5) == (videos.labels == 1)
    assert after["accuracy"] == pytest.approx(right.mean())


def test_one_class_alone():
    scores = _scores(np.random.default_rng(5), 0.0)
    reals = scores.only(scores.labels == 0)
    summary = evaluate_scores(reals, Calibration())
    assert summary["video"]["auc"] is None
    assert summary["video"]["intervals"]["auc"] is None
    assert summary["per_method"] == {}
