import numpy as np
import pytest

from fdd.evaluation import calibration, metrics


def test_recovers_the_temperature_of_overconfident_logits():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    labels = rng.random(20_000) < 1 / (1 + np.exp(-logits))
    fitted = calibration.fit(labels, 3 * logits)
    assert fitted.temperature == pytest.approx(3, rel=0.05)
    before = metrics.expected_calibration_error(labels, 3 * logits)
    after = metrics.expected_calibration_error(labels, 3 * logits / fitted.temperature)
    assert after < 0.02 < 0.05 < before


def test_threshold_separates_what_can_be_separated():
    labels = np.array([0, 0, 0, 1, 1, 1])
    fitted = calibration.fit(labels, np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert fitted.threshold == 3.5
    assert 0.05 < fitted.temperature < 20


def test_zero_is_kept_if_no_threshold_is_better():
    assert calibration.fit([0, 0, 1, 1], [-2.0, -0.5, 0.1, 3.0]).threshold == 0


def test_classes_have_equal_weight():
    labels = np.array([0] * 10 + [1] * 1000)
    logits = np.array([-1.0] * 9 + [0.5] + [0.2] * 400 + [2.0] * 600)
    assert 0.2 > calibration.fit(labels, logits).threshold > -1


def test_one_class_changes_nothing():
    assert calibration.fit([1, 1], [3.0, -1.0]) == calibration.Calibration(
        temperature=1.0, threshold=0.0, fitted=False, reason=calibration.ONE_CLASS
    )
