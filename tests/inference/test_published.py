"""Detectors that others published, in their layout."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import safetensors.numpy

import fdd
from fdd.errors import UserError
from fdd.inference import published, sources
from fdd.video.preprocessing import ALIGNED

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
NAMES = ("clip", "clip_linear", "dinov3")


@pytest.fixture
def folder(tmp_path):
    """A copy of a detector's folder, to be changed."""
    return pathlib.Path(shutil.copytree(FIXTURES / "gend_clip", tmp_path / "gend"))


@pytest.fixture(scope="module")
def detector():
    return fdd.Detector.load(FIXTURES / "gend_clip")


@pytest.mark.parametrize("name", NAMES)
def test_transformers_computes_the_same_probabilities(name):
    loaded = fdd.Detector.load(FIXTURES / f"gend_{name}")
    with np.load(FIXTURES / f"gend_{name}/expected.npz") as stored:
        images, expected = stored["images"], stored["probabilities"]
    logits = loaded.eval_step(loaded.state, {"frames": images[:, None]})
    assert np.ptp(expected[:, 1]) > 0.01
    found = np.log(expected[:, 1]) - np.log(expected[:, 0])
    np.testing.assert_allclose(logits, found, rtol=1e-5, atol=1e-5)


def test_the_protocol_is_the_authors(detector):
    spec = detector.preprocessing
    assert (spec.region, spec.alignment, spec.margin) == (ALIGNED, "per_frame", 1.3)
    assert (spec.num_frames, spec.clips_per_video, spec.sampling) == (1, 32, "uniform")
    assert detector.basis.pooling == "mean_probability"
    config = published.Published(FIXTURES / "gend_clip").config
    assert config.model.unit_features
    assert not published.Published(FIXTURES / "gend_clip_linear").config.model.unit_features


def test_what_it_lacks_is_said(detector, pair):
    prediction = detector.predict(pair[0])
    found = prediction.as_json()["detector"]
    assert not found["fitted"] and "--calibrate=DATASET_DIR" in found["reason"]
    assert (found["step"], found["temperature"], found["threshold"]) == (None, 1.0, 0.0)
    assert found["weights"] == "Published weights, gend_clip"
    clips = prediction.decisive.clips
    assert len(clips) == 20, "each frame of a video with fewer than 32"
    mean = np.mean([clip.probability for clip in clips])
    np.testing.assert_allclose(prediction.probability, mean, rtol=1e-9)


def _tensors(folder, change):
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    change(tensors)
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")


def _stated(**values):
    def change(folder):
        content = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**content, **values}))

    return change


def _without(name):
    return lambda folder: _tensors(folder, lambda tensors: tensors.pop(name))


def _with(name, shape):
    return lambda folder: _tensors(
        folder, lambda tensors: tensors.update({name: np.ones(shape, np.float32)})
    )


def _truncated(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


_FIRST = "feature_extractor.vision_model."
_NORM = f"{_FIRST}post_layernorm.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without(_NORM), "does not fit .*: vision_model.post_layernorm.weight is missing"),
        (_without("model.linear.bias"), "does not fit .*: model.linear.bias is missing"),
        (_with(_NORM, 9), r"vision_model.post_layernorm.weight is \(9,\), not \(8,\)"),
        (_with("model.linear.weight", (3, 8)), r"model.linear.weight is \(3, 8\), not \(2, 8\)"),
        (_with("model.mlp.weight", (2, 8)), "model.mlp.weight has no place"),
        (_with(f"{_FIRST}adapter.weight", 1), "vision_model.adapter.weight has no place"),
        (_stated(head="mlp"), "config.json says head mlp, and known are linear, LinearNorm"),
        (_stated(head=None), "config.json says head None, and known"),
        (_stated(backbone="vit_pe_core_large_patch14_336"), "says backbone vit_pe_core_large"),
        (_stated(backbone="resnet18"), "backbone resnet18, which is no vision transformer"),
        (_stated(backbone="openai/clip-vit-large-patch14"), r"is \(2, 8\), not \(2, 1024\)"),
        (_stated(backbone="dinov3_vit_tiny"), "does not fit the network"),
        (_truncated, "model.safetensors is not a safetensors file that can be read"),
        (lambda folder: (folder / "config.json").write_text("x"), "config.json is no JSON object"),
        (lambda folder: (folder / "config.json").write_text("[]"), "config.json is no JSON object"),
        (lambda folder: (folder / "config.json").unlink(), "holds no config.json, which names"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds neither model.safetensors"),
    ],
)
def test_corrupted_folders(folder, change, message):
    change(folder)
    with pytest.raises(UserError, match=message) as error:
        fdd.Detector.load(folder)
    assert "\n" not in str(error.value)


def test_names_that_will_not_do(tmp_path):
    for name in ("hf://GenD", "hf:yermandy/GenD", "hf://a/b/c"):
        with pytest.raises(UserError, match="is no name on the Hugging Face hub: write hf://"):
            sources.find(name)
    with pytest.raises(UserError, match="holds no run"):
        fdd.Detector.load(tmp_path)
