"""The calibration of published weights, in a file beside them."""

import json

import pytest

from fdd.errors import UserError
from fdd.evaluation.calibration import Calibration
from fdd.inference import stored_calibration

FINGERPRINT = "0123456789abcdef"


@pytest.fixture
def weights(tmp_path):
    """A file of weights, and a calibration beside it."""
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    calibration = Calibration(temperature=2.0, threshold=-0.5)
    stored_calibration.write(tmp_path, [file], FINGERPRINT, calibration, {"data_set": "a"})
    return file


def test_it_is_read_as_it_was_written(weights):
    found = stored_calibration.read(weights.parent, [weights], FINGERPRINT)
    assert (found.temperature, found.threshold, found.fitted) == (2.0, -0.5, True)
    weights.write_bytes(b"other weights")
    with pytest.raises(UserError, match="was fitted with other weights or another way"):
        stored_calibration.read(weights.parent, [weights], FINGERPRINT)


@pytest.mark.parametrize("key", ["temperature", "threshold"])
@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), None, "many", pytest.param(10**400, id="too large")]
)
def test_numbers_that_are_not_finite_are_refused(weights, key, value):
    """With an infinite temperature, each probability would be one half."""
    file = stored_calibration.place(weights.parent)
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(UserError, match="is damaged, it lacks numbers"):
        stored_calibration.read(weights.parent, [weights], FINGERPRINT)
