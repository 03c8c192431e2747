"""What validation videos got, stored and read again."""

import json
import pathlib

import numpy as np
import pytest

from fdd.errors import UserError
from fdd.evaluation.conformal import Validated
from fdd.runs import validated_file

VALIDATED = Validated(
    np.array([0, 1, 1]), np.array([-0.1, 1 / 3, 4.0]), np.array([0, 0, 1]), "three videos"
)


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    """Of step 3."""
    validated_file.write(tmp_path / validated_file.FILE, VALIDATED, "step 3")
    return tmp_path / validated_file.FILE


def test_what_is_read_is_what_was_written(file: pathlib.Path) -> None:
    found = validated_file.read(file, "step 3")
    for name in ("labels", "logits", "groups"):
        np.testing.assert_array_equal(getattr(found, name), getattr(VALIDATED, name))
    assert found.source == VALIDATED.source


def test_of_other_weights_nothing_is_known(file: pathlib.Path) -> None:
    assert validated_file.read(file, "step 4") is None
    assert validated_file.read(file.with_name("none"), "step 3") is None


@pytest.mark.parametrize(
    "change",
    [{"logits": [1.0]}, {"labels": [0, 1, 2]}, {"groups": None}, {"logits": [0, 1, float("nan")]}],
)
def test_damage_is_one_line(file: pathlib.Path, change: dict) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(UserError, match=r"is damaged: delete it, and .* writes it again"):
        validated_file.read(file, "step 3")
    file.write_text("{")
    with pytest.raises(UserError, match=r"is damaged.*delete it, and .* writes it again"):
        validated_file.read(file, "step 3")
