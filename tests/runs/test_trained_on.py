"""A run and the data set that it was trained on."""

import json
import pathlib
import shutil

import pytest

from fdd import train
from fdd.data.identity import IDENTITY_FILE
from fdd.errors import UserError
from fdd.inference.detector import Detector
from fdd.report import evaluations
from fdd.runs.checkpoints import Checkpoints

OTHER = r"was trained on the data set .* \(key {}\), and this is .* \(key 0a1b2c3d, .*\): name the"


def _notes(summary):
    """Those on the data set; familiarity has one as well."""
    (_,) = [note for note in summary["notes"] if note.startswith("Familiarity: ")]
    return [note for note in summary["notes"] if not note.startswith("Familiarity: ")]


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished run."""
    return pathlib.Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def other(config, dataset, tmp_path):
    """The config of the run, with the same settings for another data set of the same name."""
    assert dataset.key != "0a1b2c3d"
    config.data.data_dir = str(shutil.copytree(config.data.data_dir, tmp_path / "data"))
    (file,) = (tmp_path / "data").rglob(IDENTITY_FILE)
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "key": "0a1b2c3d", "manual_dir": "/b"}))
    return config


def test_checkpoints_record_it(finished, dataset):
    expected = {"name": dataset.name, "key": dataset.key}
    assert Detector.load(finished).trained_on["data_set"] == expected
    assert json.loads((finished / "report/metrics.json").read_text())["data_set"] == expected


def test_going_on_with_another_one_is_refused(run, other, dataset):
    message = OTHER.format(dataset.key)
    with pytest.raises(UserError, match=message):  # Nothing is left to do but to say so.
        train.train_and_evaluate(other, run)
    with pytest.raises(UserError, match=message):
        train.evaluate_again(other, run)
    shutil.rmtree(run / "report")
    with pytest.raises(UserError, match=message):  # Only the report is missing.
        train.train_and_evaluate(other, run)
    assert not (run / "report").exists()


def test_a_default_evaluation_on_another_one_is_noted(run, other, dataset):
    stored = json.loads((run / "config.json").read_text())
    stored["data"]["data_dir"] = str(other.data.data_dir)
    (run / "config.json").write_text(json.dumps(stored))
    (summary,) = evaluations.evaluate(run, split="validation").values()
    (note,) = _notes(summary)
    assert note.startswith("The detector was trained on another data set ")
    assert f"key {dataset.key}" in note and "key 0a1b2c3d" in note
    assert "the frames" not in note
    (named,) = evaluations.evaluate(run, [dataset.folder], "validation").values()
    assert not _notes(named)


@pytest.fixture
def of_older_version(run, monkeypatch):
    """The same, but neither its checkpoints nor its report say on which data set it was trained."""

    def meta_of_an_older_version(self, step):
        return {key: value for key, value in meta(self, step).items() if key != "data_set"}

    meta = Checkpoints.meta
    monkeypatch.setattr(Checkpoints, "meta", meta_of_an_older_version)
    report = json.loads((run / "report/metrics.json").read_text())
    del report["data_set"]
    (run / "report/metrics.json").write_text(json.dumps(report))
    return run


SAID = "does not say on which data set it was trained; it is used with {} (key {})"


def test_a_checkpoint_of_an_older_version_goes_on_and_says_so(
    of_older_version, config, dataset, capsys
):
    said = SAID.format(dataset.name, dataset.key)
    train.train_and_evaluate(config, of_older_version)  # Nothing is left to do.
    assert said in capsys.readouterr().err
    shutil.rmtree(of_older_version / "report")
    train.train_and_evaluate(config, of_older_version)
    assert said in capsys.readouterr().err
    assert (of_older_version / "report/metrics.json").exists()
    train.evaluate_again(config, of_older_version)
    assert said in capsys.readouterr().err


def test_an_evaluation_of_an_older_version_is_noted(of_older_version, dataset):
    (summary,) = evaluations.evaluate(of_older_version, split="validation").values()
    (note,) = _notes(summary)
    assert "did not record on which data set it was trained" in note
    assert f"key {dataset.key}" in note
    (named,) = evaluations.evaluate(of_older_version, [dataset.folder], "validation").values()
    assert not _notes(named)
