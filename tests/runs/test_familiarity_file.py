"""A detector's familiarity, stored and read again."""

import pathlib

import numpy as np
import pytest

from fdd.errors import UserError
from fdd.evaluation.familiarity import Familiarity, fit
from fdd.runs import familiarity_file

CLIPS = {"stem": np.random.default_rng(0).normal(size=(80, 5))}


@pytest.fixture
def known() -> Familiarity:
    """Of clips of random numbers, four to a video."""
    return fit(CLIPS, CLIPS, np.repeat(np.arange(20), 4), 0.95, {"rate": (24.0, 25.0)}, "a test")


def test_what_is_read_is_what_was_written(known: Familiarity, tmp_path: pathlib.Path) -> None:
    file = tmp_path / familiarity_file.FILE
    familiarity_file.write(file, known, "step 3")
    found = familiarity_file.read(file, "step 3")
    np.testing.assert_array_equal(found.distances(CLIPS), known.distances(CLIPS))
    np.testing.assert_array_equal(found.known, known.known)
    assert (found.threshold, found.ranges, found.source) == (
        known.threshold,
        known.ranges,
        known.source,
    )


def test_of_other_weights_or_another_version_nothing_is_known(
    known: Familiarity, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / familiarity_file.FILE
    assert familiarity_file.read(file, "step 3") is None, "there is no file"
    familiarity_file.write(file, known, "step 3")
    assert familiarity_file.read(file, "step 4") is None
    monkeypatch.setattr(familiarity_file, "_FORMAT", 1)
    assert familiarity_file.read(file, "step 3") is None


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"{}" * 40])
def test_damage_is_one_line(known: Familiarity, tmp_path: pathlib.Path, damage) -> None:
    file = tmp_path / familiarity_file.FILE
    familiarity_file.write(file, known, "step 3")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UserError, match=r"is damaged .*: delete it, and .* writes it again"):
        familiarity_file.read(file, "step 3")


def test_an_encoder_that_notes_other_parts_is_refused(known: Familiarity) -> None:
    with pytest.raises(UserError, match=r"no longer notes stem, .* measure it again"):
        known.distances({"trunk": CLIPS["stem"]})
