"""One score per video from those of its clips."""

import dataclasses

import numpy as np
import scipy.special

from fdd.evaluation import pooling
from fdd.evaluation.scores import Scores


def _scores(logits, videos, kind):
    names = np.array(videos)
    nobody = np.full(len(names), "")
    return Scores(
        split="test",
        video_ids=names,
        methods=nobody,
        labels=np.zeros(len(names), int),
        clip_indices=np.arange(len(names)),
        logits=np.array(logits),
        target_people=nobody,
        source_people=nobody,
        pooling=kind,
    )


def test_a_videos_score_is_the_mean_of_logits_or_that_of_probabilities():
    logits, videos = [4.0, -2.0, 1.0, -40.0], ["a", "b", "a", "b"]
    assert _scores(logits, videos, "mean_logit").by_video().logits.tolist() == [2.5, -21.0]
    found = _scores(logits, videos, "mean_probability").by_video()
    assert found.pooling == "mean_probability"
    p = scipy.special.expit(logits)
    expected = [(p[0] + p[2]) / 2, (p[1] + p[3]) / 2]
    np.testing.assert_allclose(scipy.special.expit(found.logits), expected, rtol=1e-12)


def test_probabilities_near_0_and_1_lose_no_digits():
    for logit in (-300.0, -40.0, 40.0, 300.0):
        found = pooling.pooled([logit, logit], "mean_probability")
        np.testing.assert_allclose(found, logit, rtol=1e-12)


def test_limits_lie_about_the_pooled_score():
    logits = [2.0, 3.0, 2.5, 1.0]
    for kind in pooling.POOLINGS:
        low, high = pooling.between(logits, 2.0, kind)
        assert low < pooling.pooled(logits, kind) < high
    p = scipy.special.expit(logits)
    error = 2 * p.std(ddof=1) / 2
    low, high = scipy.special.expit(pooling.between(logits, 2.0, "mean_probability"))
    np.testing.assert_allclose([low, high], [p.mean() - error, min(1, p.mean() + error)])
    assert all(map(np.isfinite, pooling.between([-9.0, 9.0], 12.7, "mean_probability")))


def test_parts_of_scores_keep_how_they_are_pooled():
    scores = _scores([1.0, 2.0], ["a", "b"], "mean_probability")
    some = scores.only(np.array([True, False]))
    assert (some.pooling, some.logits.tolist()) == ("mean_probability", [1.0])
    assert dataclasses.fields(some)[0].name == "split" and some.split == "test"
