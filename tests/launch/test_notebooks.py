"""The notebooks for Colab, run from top to bottom on small settings."""

import json
import pathlib

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests import on_devices
from tests.conftest import DEMO

ROOT = pathlib.Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "launch/colab").glob("*.ipynb"))
SMALL = {
    "data.image_size": 32,
    "data.clips_per_video": 2,
    "model.encoder": "resnet_tiny",
    "model.width": 4,
    "model.lstm_features": 8,
    "num_steps": 4,
    "eval_every_steps": 2,
}


def _options(**more):
    return [f"--config.{key}={value}" for key, value in {**SMALL, **more}.items()]


def _parameters_cell(notebook):
    (cell,) = (c for c in notebook.cells if "parameters" in c.metadata.get("tags", ()))
    return cell


def _run(name, **parameters):
    """Runs a notebook with other parameters, and returns what its cells printed and showed."""
    notebook = nbformat.read(ROOT / "launch/colab" / name, as_version=4)
    cell = _parameters_cell(notebook)
    assert all(f"{name} = " in cell.source for name in parameters)
    cell.source += "\n" + "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": ROOT}}).execute()
    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    texts = {
        cell: "".join(out.text for out in shown if out.output_type == "stream")
        for cell, shown in outputs.items()
    }
    pictures = {
        cell: sum("image/png" in out.get("data", {}) for out in shown)
        for cell, shown in outputs.items()
    }
    return texts, pictures


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_is_valid_and_stored_without_outputs(file):
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    _parameters_cell(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_quickstart(data_dir, tmp_path):
    demo = {f"data.demo.{key}": value for key, value in DEMO.items()}
    texts, pictures = _run(
        "quickstart.ipynb",
        DATA_DIR=str(data_dir),
        WORKDIR=str(tmp_path / "run"),
        BATCH_SIZE=4,
        OPTIONS=_options(**demo),
    )
    assert "DemoReorder, per video" in texts["train"]
    assert pictures["report"] == 3
    assert texts["predict"].count(".mp4") >= 2
    assert pictures["predict"] == 2


@pytest.mark.thorough
def test_faceforensics_on_two_devices(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", on_devices.flags(2))
    texts, pictures = _run(
        "faceforensics.ipynb",
        DATA_DIR=str(tree),
        CLIPS_DIR=str(tmp_path / "clips"),
        WORKDIR=str(tmp_path / "run"),
        WEIGHTS="",
        BATCH_SIZE=5,
        PARTS=2,
        OPTIONS=["--config.remat", *_options(**{"data.methods": "('DemoReorder',)"})],
    )
    assert "DemoReorder, per video" in texts["train"]
    assert pictures["evaluate"] == 4
    assert "Reports: " in texts["evaluate"]
    assert list((tmp_path / "run/evaluations").glob("*-test-repeated"))
    assert json.loads((tmp_path / "run/config.json").read_text())["batch_size"] == 8


def test_a_command_that_fails_stops_the_notebook(tmp_path):
    with pytest.raises(CellExecutionError, match="the config has no such key") as raised:
        _run("quickstart.ipynb", WORKDIR=str(tmp_path), OPTIONS=["--config.num_stps=4"])
    assert "fdd.main" in str(raised.value) and "failed" in str(raised.value)
