import json

import numpy as np
import pytest

from fdd.evaluation import selective
from fdd.evaluation.familiarity import Familiarity

KNOWN = Familiarity(parts={}, known=np.arange(1.0, 11.0), share=0.9, threshold=10.0)


def test_risk_grows_with_coverage_if_the_unfamiliar_are_wrong():
    coverage, risk = selective.risk_coverage(
        np.array([3.0, 1.0, 2.0, 4.0]), np.array([True, False, False, True])
    )
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(risk, [0, 0, 1 / 3, 1 / 2])
    assert selective.area(coverage, risk) == pytest.approx((1 / 3 + 1 / 2) / 4)


def test_videos_of_one_distance_are_answered_together():
    coverage, risk = selective.risk_coverage(np.ones(4), np.array([True, False, False, False]))
    assert coverage.tolist() == [1] and risk.tolist() == [0.25]


def test_wrong_answers_about_unfamiliar_videos_count_only_among_all():
    distances = np.array([1.0, 2.0, 50.0, 60.0])
    labels, logits = np.array([0, 1, 0, 1]), np.array([-1.0, 1.0, 1.0, -1.0])
    found = selective.summarize(KNOWN, distances, labels, logits, 0.0)
    assert found["answered"] == 0.5
    assert found["metrics"]["all"]["accuracy"] == 0.5
    assert found["metrics"]["of_answered"]["accuracy"] == 1
    assert found["auroc"] == pytest.approx((2 * 10 + 0.5 + 1.5) / 40)
    (said,) = selective.sentences(json.loads(json.dumps(found, allow_nan=False)))
    assert "50.0 % of the videos would get an answer" in said
    assert "0.5000 on all videos and 1.0000 on those with an answer" in said


def test_a_data_set_without_an_answer_has_no_metrics_of_answered_videos():
    found = selective.summarize(KNOWN, np.full(3, 99.0), np.ones(3), np.ones(3), 0.0)
    assert (found["answered"], found["auroc"]) == (0, 1)
    assert found["metrics"]["of_answered"] is None
    assert "with an answer" not in selective.sentences(found)[0]
