"""A data set's folder from somebody else is read without running anything."""

import json
import shutil

import pytest

from fdd.data.records import Dataset
from fdd.errors import UserError
from fdd.runs import prepare


@pytest.mark.parametrize("place", ["top", "field"])
def test_a_schema_cannot_have_a_module_imported(dataset, config, tmp_path, monkeypatch, place):
    """TFDS imports the module of each type that features.json names."""
    shutil.copytree(config.data.data_dir, tmp_path / "data")
    folder = tmp_path / "data" / dataset.folder.relative_to(config.data.data_dir)
    schema = json.loads((folder / "features.json").read_text())
    changed = schema if place == "top" else schema["featuresDict"]["features"]["fps"]
    changed["pythonClassName"] = "a_trap.Tensor"
    (folder / "features.json").write_text(json.dumps(schema))
    (tmp_path / "a_trap.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"cannot be read \(features\.json names a_trap\.Tensor"):
        Dataset(folder)
    config.data.data_dir = str(tmp_path / "data")
    with pytest.raises(UserError, match=r"features\.json names a_trap\.Tensor"):
        prepare.open_dataset(config.data)
    assert not (tmp_path / "run").exists()
