"""A published detector through every command, and the hub's ways to fail."""

import json
import pathlib
import re
import shutil

import jax.export
import numpy as np
import pytest
import safetensors.numpy
from huggingface_hub import constants

import fdd
from fdd import evaluate, export, predict
from fdd.configs import gend
from fdd.data.records import Dataset
from fdd.errors import UserError
from fdd.models.weights import hub as hub_files
from fdd.runs import prepare

FOLDER = pathlib.Path(__file__).parents[1] / "inference/fixtures/gend_clip"
NAME = "hf://yermandy/GenD_CLIP_L_14"


@pytest.fixture
def folder(tmp_path):
    return pathlib.Path(shutil.copytree(FOLDER, tmp_path / "gend"))


@pytest.fixture(scope="module")
def aligned(tree, tmp_path_factory):
    """A data set that was cut as the detector's videos are."""
    data = gend.get_config().data
    data.data_dir, data.manual_dir = str(tmp_path_factory.mktemp("aligned")), str(tree)
    data.methods, data.image_size = ("DemoFlicker",), 32
    data.clips_per_video = 32
    return Dataset(prepare.open_dataset(data).folder)


def _failure(command, *arguments):
    with pytest.raises(SystemExit) as stop:
        command.main([str(argument) for argument in arguments])
    assert str(stop.value).startswith("fdd: ") and "\n" not in str(stop.value)
    return str(stop.value)


def test_predict_says_what_is_not_known(pair, tmp_path, capsys):
    predict.main([f"--detector={FOLDER}", f"--out={tmp_path}", str(pair[0])])
    out = capsys.readouterr().out
    assert "were not fitted, because its weights were published without" in out
    assert "probability of fake" in out
    page = next(tmp_path.glob("*.html")).read_text()
    assert "Published weights, gend" in page and "not fitted: its weights" in page


def test_calibrate_then_evaluate(folder, aligned, pair, capsys):
    evaluate.main([f"--detector={folder}", f"--calibrate={aligned.folder}"])
    said = capsys.readouterr().out
    assert re.search(r"Fitted on 4 validation videos .*: temperature .*; stored in .*\.json", said)
    stored = json.loads((folder / "calibration.json").read_text())
    assert stored["fitted_on"]["key"] == aligned.key
    found = fdd.Detector.load(folder).predict(pair[0])
    assert found.basis.calibration.fitted
    assert found.basis.calibration.temperature == stored["temperature"] != 1
    with pytest.raises(UserError, match=r"is not stored: .* --calibrate=DATASET_DIR stores it"):
        fdd.Detector.load(FOLDER, error_rate=0.5)
    known = fdd.Detector.load(folder, error_rate=0.5).conformal.validated
    assert [known.count(label) for label in (0, 1)] == [1, 1]
    evaluate.main([f"--detector={folder}", f"--dataset={aligned.folder}"])
    (report,) = (folder / "evaluations").iterdir()
    page = (report / "report.md").read_text()
    assert "Its weights are published: Published weights, gend" in page
    assert "the logit of its clips' mean probability" in page


def test_a_calibration_of_other_weights_is_refused(folder, aligned):
    evaluate.main([f"--detector={folder}", f"--calibrate={aligned.folder}"])
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    tensors["model.linear.bias"] += 1
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    with pytest.raises(UserError, match=r"calibration.json was fitted with other weights"):
        fdd.Detector.load(folder)
    (folder / "calibration.json").write_text("x")
    with pytest.raises(UserError, match=r"calibration.json is damaged.*: calibrate again"):
        fdd.Detector.load(folder)


def test_what_cannot_be_calibrated(folder, finished, dataset):
    said = _failure(evaluate, f"--detector={finished}", f"--calibrate={dataset.folder}")
    assert "is a run, which its own validation split has calibrated" in said
    said = _failure(evaluate, f"--detector={folder}", f"--calibrate={dataset.folder}")
    assert "was cut with other preprocessing" in said
    said = _failure(evaluate, f"--detector={folder}", f"--dataset={dataset.folder}")
    assert "build it as --config=gend does, or say --allow_mismatch" in said
    said = _failure(evaluate, f"--detector={folder}")
    assert "has no data set of its own here: say --dataset=DIR" in said


def test_export(tmp_path):
    out = tmp_path / "detector.jaxexport"
    export.main([f"--detector={FOLDER}", f"--out={out}"])
    with np.load(FOLDER / "expected.npz") as stored:
        images, expected = stored["images"], stored["probabilities"][:, 1]
    program = jax.export.deserialize(bytearray(out.read_bytes()))
    found = program.call(images[:, None])["probability"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.fixture
def served(hub):
    """The hub, with the detector under its real name."""
    hub.files["yermandy/GenD_CLIP_L_14"] = {
        **{name: (FOLDER / name).read_bytes() for name in ("config.json", "model.safetensors")},
        "README.md": b"---\nlicense: mit\ntags: []\n---\n# GenD\n",
    }
    return hub


def test_the_first_use_tells_and_later_ones_are_offline(served, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    first = fdd.Detector.load(NAME)
    said = capsys.readouterr().err
    assert f"fdd: {NAME}: 0 MB, from https://huggingface.co/yermandy/GenD_CLIP_L_14 into" in said
    assert "licence: mit; trained on: FaceForensics++ alone" in said
    assert "Neither these weights nor their published figures were run" in said
    served.down()
    again = fdd.Detector.load(NAME)
    assert capsys.readouterr().err == ""
    assert again.name == first.name == NAME
    clips = np.zeros((1, 1, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(
        *(each.eval_step(each.state, {"frames": clips}) for each in (first, again))
    )


def test_a_command_tells_once(served, pair, capsys, monkeypatch, tmp_path):
    """It asks for the config before it loads the detector."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    predict.main([f"--detector={NAME}", str(pair[0])])
    assert capsys.readouterr().err.count("this once") == 1


def test_no_network(served):
    served.down()
    with pytest.raises(UserError, match=r"could not be fetched .*: the same command tries again"):
        fdd.Detector.load(NAME)


def test_a_wrong_name(served, pair):
    said = _failure(predict, "--detector=hf://yermandy/GenD", pair[0])
    assert "the Hugging Face hub has no repository yermandy/GenD that anybody may read" in said


def test_no_space(served, small_disk, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(small_disk / "hub"))
    served.files["yermandy/GenD_CLIP_L_14"]["model.safetensors"] += bytes(1_000_000)
    with pytest.raises(UserError, match=r"no space for model.safetensors .*1 MB, and 0 MB"):
        fdd.Detector.load(NAME)


def test_half_a_download(served, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    served.cut = 1000
    with pytest.raises(UserError, match=r"could not be fetched .*: the same command tries again"):
        fdd.Detector.load(NAME)
    served.cut = None
    fdd.Detector.load(NAME)


def test_a_changed_file(served):
    fdd.Detector.load(NAME)
    for name in ("model.safetensors", "config.json"):
        file = hub_files.fetched(NAME, name)
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(UserError, match=rf"{name}, of {NAME}, is damaged or was changed since"):
            fdd.Detector.load(NAME)
        file.write_bytes(content)
    fdd.Detector.load(NAME)
