"""The face detector's file, which is part of the package."""

import hashlib
import pathlib
import shutil
import tomllib

import numpy as np
import pytest

from fdd.video import faces

FOLDER = pathlib.Path(faces.__file__).parent / "yunet"
ROOT = pathlib.Path(__file__).parents[2]


def test_the_bytes_are_the_known_ones():
    (file,) = FOLDER.glob("*.onnx")
    digest = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"  # OpenCV's.
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest == faces.DETECTOR_SHA256


def test_its_licence_is_beside_it_and_named():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    licence = (FOLDER / "LICENSE").read_text()
    assert "MIT License" in licence
    assert "Copyright (c) 2020 Shiqi Yu" in licence
    assert "fdd/video/yunet/LICENSE" in project["project"]["license-files"]


def test_other_bytes_are_refused(tmp_path, monkeypatch):
    shutil.copytree(FOLDER, tmp_path / "yunet")
    (file,) = (tmp_path / "yunet").glob("*.onnx")
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    monkeypatch.setattr(faces, "__file__", str(tmp_path / "faces.py"))
    monkeypatch.delattr(faces._OF_THREAD, "detector", raising=False)
    with pytest.raises(RuntimeError, match="is not the YuNet model this project was tested with"):
        faces.detect_faces(np.zeros((64, 64, 3), np.uint8))
