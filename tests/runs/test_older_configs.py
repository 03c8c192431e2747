"""Runs of older versions, whose configs lack later keys."""

import json
import shutil

import jax
import pytest

from fdd import train
from fdd.errors import UserError
from fdd.inference.detector import Detector
from fdd.runs import older_configs, workdir

LATER = ("layout", "split", "splits_file")
"""Keys of `config.data` that came last."""


def _old_run(finished, folder, *keys):
    """A copy of a run whose config lacks these keys of `config.data`."""
    shutil.copytree(finished, folder)
    config = json.loads((folder / workdir.CONFIG_FILE).read_text())
    for key in keys:
        del config["data"][key]
    (folder / workdir.CONFIG_FILE).write_text(json.dumps(config))
    return folder


def test_later_keys_get_defaults_that_are_reported_once_and_stored(finished, tmp_path, capsys):
    old = _old_run(finished, tmp_path / "run", *LATER)
    config = workdir.stored_config(old)
    assert config.data.layout == "auto"
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"{old / 'config.json'} is from an older version; defaults were added: "
        'data.layout="auto", data.split="0.7,0.15,0.15", data.splits_file=""'
    )
    kept = json.loads((old / older_configs.ADDED_FILE).read_text())
    assert kept == {
        "data.layout": "auto",
        "data.split": "0.7,0.15,0.15",
        "data.splits_file": "",
    }
    assert workdir.stored_config(old) == config
    assert not capsys.readouterr().err


def test_where_defaults_cannot_be_stored_they_are_reported_once(
    finished, tmp_path, monkeypatch, capsys
):
    old = _old_run(finished, tmp_path / "run", *LATER)
    monkeypatch.setattr(older_configs, "ADDED_FILE", "no folder/added.json")
    for _ in range(2):
        workdir.stored_config(old)
    assert capsys.readouterr().err.count("is from an older version") == 1


def test_an_old_run_is_loaded_and_goes_on(finished, config, tmp_path, pair):
    old = _old_run(finished, tmp_path / "run", *LATER)
    new, same = Detector.load(finished), Detector.load(old)
    assert new.predict(pair[0]).logit == same.predict(pair[0]).logit
    with jax.enable_x64(False):
        train.train_and_evaluate(config, old)  # At its end already: refused if it were another's.
    assert json.loads((old / workdir.CONFIG_FILE).read_text())["data"]["layout"] == "auto"


def test_frames_were_counted_before_there_was_spacing(finished, config, tmp_path):
    old = _old_run(finished, tmp_path / "run", "spacing")
    assert workdir.stored_config(old).data.spacing == 0
    with pytest.raises(UserError, match=r"data\.spacing: 0\.0 there, 0\.04 here"):
        workdir.check(old, config)


@pytest.mark.parametrize("key", ["region", "num_frames"])
def test_keys_without_a_default_are_refused(finished, tmp_path, key):
    old = _old_run(finished, tmp_path / "run", key, *LATER)
    with pytest.raises(UserError, match=rf"lacks data\.{key}, and no default can mean"):
        workdir.stored_config(old)
    assert not (old / older_configs.ADDED_FILE).exists()
