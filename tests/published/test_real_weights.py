"""The program for the real weights, with small ones and a stand-in for the hub."""

import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

from tests.published import run

FOLDER = pathlib.Path(__file__).parents[1] / "inference/fixtures/gend_clip"


def test_it_prints_a_table_and_says_what_differs(hub, tmp_path, monkeypatch, capsys):
    name = "yermandy/GenD_CLIP_L_14"
    files = ("config.json", "model.safetensors")
    hub.files[name] = {file: (FOLDER / file).read_bytes() for file in files}
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "000.png")
    images = {
        (tmp_path / "000.png").as_uri(): "real",
        f"{(tmp_path / '000.png').as_uri()}#": "fake",
    }
    monkeypatch.setattr(run, "IMAGES", images)
    monkeypatch.setattr(sys, "argv", ["run"])
    with pytest.raises(SystemExit) as stop:
        run.main()
    assert stop.value.code == 1, "one image cannot be both"
    table = capsys.readouterr().out
    assert (table.count("agrees"), table.count("DIFFERS")) == (3, 1)
    assert "model.safetensors" in table
