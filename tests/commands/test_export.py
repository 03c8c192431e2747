import csv
import dataclasses
import json
import pathlib
import re
import shutil
import subprocess
import sys

import jax
import jax.export
import numpy as np
import pytest
import safetensors
import safetensors.numpy
import scipy.special

from fdd import export
from fdd.evaluation.calibration import Calibration
from fdd.inference import program
from fdd.inference.detector import Detector
from fdd.training import pretrained
from fdd.video.prefetch import extract
from fdd.video.preprocessing import Preprocessing
from tests.rounding import LOGIT, likely

FEATURE = likely(7 * 7 * 3, depth=10)  # As `LOGIT`, without the LSTM.
ROOT = pathlib.Path(__file__).parents[2]
# What the example of the inference page may not need; a module that is None cannot be imported.
RUN_EXAMPLE = """
import sys
sys.modules.update(dict.fromkeys(["fdd", "configs", "tfds_builders", "flax", "orbax", "cv2"]))
exec(open("example.py").read())
np.savez("found.npz", **found)
"""


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    file = tmp_path_factory.mktemp("exported") / "new" / "detector.jaxexport"
    export.main([f"--workdir={finished}", f"--out={file}"])
    return file


@pytest.fixture
def clips(dataset):
    """Five clips of the test split, and the (video, number) of each."""
    rows = [dataset.source("test")[index] for index in range(5)]
    names = [(row["video_id"], str(row["clip_index"])) for row in rows]
    return np.stack([np.stack(row["frames"]) for row in rows]), names


def _header(file):
    with safetensors.safe_open(file.with_suffix(".safetensors"), "numpy") as opened:
        return opened.metadata()


def _reported(finished, names):
    """Probabilities from the report's logits and temperature, and the allowed difference."""
    with (finished / "report/predictions.csv").open() as file:
        rows = {(row["video_id"], row["clip_index"]): row["logit"] for row in csv.DictReader(file)}
    metrics = json.loads((finished / "report/metrics.json").read_text())
    logits = np.array([float(rows[name]) for name in names])
    temperature = metrics["calibrated"]["temperature"]
    return scipy.special.expit(logits / temperature), LOGIT / temperature / 4


def _distances(known, seen):
    """Distances of clips, and how far they may be off where features are, by rounding."""
    near = []
    for name, part in known.parts.items():
        off = FEATURE * np.abs(seen[name]).max() * np.abs(part.whitening).sum(axis=0)
        white = np.abs((seen[name] - part.mean) @ part.whitening)
        near.append((2 * white * off + off**2).mean(axis=1) / part.usual)
    return known.distances(seen), np.max(near, axis=0)


def test_it_gives_what_evaluation_reports_for_any_number_of_clips(exported, finished, clips):
    frames, names = clips
    reloaded = jax.export.deserialize(bytearray(exported.read_bytes()))
    assert reloaded.platforms == ("cpu", "cuda")
    expected, near = _reported(finished, names)
    assert np.ptp(expected) > 2 * near
    for size in (1, 3, 5):
        found = reloaded.call(frames[:size])["probability"]
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected[:size], rtol=0, atol=near)


def test_the_example_of_the_readme_runs_without_this_package(exported, finished, clips, tmp_path):
    frames, names = clips
    page = (ROOT / "fdd/inference/README.md").read_text()
    section = page.partition("## Export")[2].partition("\n## ")[0]
    (example,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(example.splitlines()) <= 10
    (tmp_path / "example.py").write_text(example)
    threshold = float(_header(exported)["familiarity_threshold"])
    np.save(tmp_path / "clips.npy", frames)
    for file in (exported, exported.with_suffix(".safetensors")):
        shutil.copy(file, tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUN_EXAMPLE], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "A clip is 10 frames 0.04 seconds apart" in done.stdout
    found = np.load(tmp_path / "found.npz")
    expected, near = _reported(finished, names)
    np.testing.assert_allclose(found["probability"], expected, rtol=0, atol=near)
    assert found["distance"].shape == (5,)
    said = "no answer" if found["distance"].mean() > threshold else "a video's logit is"
    assert said in done.stdout


def test_it_answers_about_a_familiar_and_an_unfamiliar_video_as_a_prediction_does(
    exported, finished, pair, unfamiliar
):
    loaded, header = Detector.load(finished), _header(exported)
    reloaded = jax.export.deserialize(bytearray(exported.read_bytes()))
    known = np.array(json.loads(header["familiarity_known"]))
    assert header["familiarity_threshold"] == json.dumps(loaded.familiarity.threshold)
    for video, is_familiar in ((pair[0], True), (unfamiliar, False)):
        clips = extract(video, loaded.preprocessing).people[0]
        found = reloaded.call(np.stack([clip.images() for clip in clips]))
        predicted, seen = loaded.predict(video), loaded.look(clips)
        expected, near = _distances(loaded.familiarity, seen)
        assert (near < expected / 10).all()
        assert (abs(found["distance"] - expected) <= near).all()
        assert (predicted.person is not None) == is_familiar
        distance = np.mean(found["distance"])
        assert (distance <= float(header["familiarity_threshold"])) == is_familiar
        assert np.mean(known > distance) == predicted.familiarity
        expected = scipy.special.expit(seen["logits"] / loaded.calibration.temperature)
        near = LOGIT / loaded.calibration.temperature / 4
        np.testing.assert_allclose(found["probability"], expected, rtol=0, atol=near)


def test_without_familiarity_it_says_so(finished, tmp_path, capsys):
    folder = shutil.copytree(finished, tmp_path / "tiny")
    (folder / "familiarity.safetensors").unlink()
    out = tmp_path / "detector.jaxexport"
    export.main([f"--workdir={folder}", f"--out={out}"])
    assert "familiarity is not known" in capsys.readouterr().err
    header = _header(out)
    assert header["familiarity"].startswith("not known") and "familiarity_known" not in header
    shape = jax.export.deserialize(bytearray(out.read_bytes())).out_tree
    assert "distance" not in str(shape) and "probability" in str(shape)


def test_the_average_of_parameters_and_the_temperature_are_used(finished, clips):
    loaded = Detector.load(finished)
    average = jax.tree.map(lambda leaf: 1.5 * leaf, loaded.state.params)
    loaded = dataclasses.replace(
        loaded,
        state=loaded.state.replace(average=average),
        calibration=Calibration(temperature=0.3, threshold=0.7),
    )
    logits = np.asarray(loaded.eval_step(loaded.state, {"frames": clips[0][:4]}))
    found = program.lower(loaded).call(clips[0][:4])["probability"]
    np.testing.assert_allclose(found, scipy.special.expit(logits / 0.3), rtol=0, atol=LOGIT / 0.3)
    header = program.metadata(loaded)
    assert float(header["temperature"]) == 0.3
    np.testing.assert_allclose(float(header["threshold_as_probability"]), 1 / (1 + np.exp(-7 / 3)))


def test_the_encoder_starts_another_run(exported, finished, config):
    """Values, names and axes are right, since their reader was compared with PyTorch."""
    file = str(exported.with_suffix(".safetensors"))
    detector = Detector.load(finished)
    state = jax.device_get(detector.state)
    own = {"params": state.params, "batch_stats": state.batch_stats}
    loaded = pretrained.load(file, detector.task.model, jax.tree.map(np.zeros_like, own))
    for kind in own:
        encoders = (each[kind]["frame_features"]["encoder"] for each in (loaded, own))
        jax.tree.map(np.testing.assert_array_equal, *encoders)
    config.model.pretrained = file
    stored = json.loads((finished / "config.json").read_text())["model"]
    assert list(pretrained.with_normalization(config).model.mean) == stored["mean"]


def test_normalization_and_version_come_from_the_header(exported, config, tmp_path):
    header = _header(exported)
    stored = json.loads(header["fdd_config"])
    stored["model"].update(version="v1", mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0])
    tensors = safetensors.numpy.load_file(exported.with_suffix(".safetensors"))
    file = tmp_path / "other.safetensors"
    safetensors.numpy.save_file(tensors, file, {**header, "fdd_config": json.dumps(stored)})
    config.model.pretrained, config.model.version = str(file), "v1"
    settled = pretrained.with_normalization(config)
    assert (settled.model.mean, settled.model.std) == ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


def test_lstm_and_head_are_laid_out_as_in_pytorch(exported, finished):
    """Against the equations in the documentation of torch.nn.LSTM and torch.nn.Linear."""
    loaded = Detector.load(finished)
    features = np.random.default_rng(0).normal(size=(3, 10, 32)).astype(np.float32)
    tensors = safetensors.numpy.load_file(exported.with_suffix(".safetensors"))
    size = tensors["lstm.weight_ih_l0"].shape[1]
    features = features[..., :size]
    h = c = np.zeros((3, tensors["lstm.weight_hh_l0"].shape[1]))
    for x in features.swapaxes(0, 1):
        gates = x @ tensors["lstm.weight_ih_l0"].T + tensors["lstm.bias_ih_l0"]
        gates = gates + h @ tensors["lstm.weight_hh_l0"].T + tensors["lstm.bias_hh_l0"]
        i, f, g, o = np.split(gates, 4, axis=1)
        c = scipy.special.expit(f) * c + scipy.special.expit(i) * np.tanh(g)
        h = scipy.special.expit(o) * np.tanh(c)
    logits = h @ tensors["head.weight"].T + tensors["head.bias"]
    ours = loaded.eval_step(loaded.state, {"features": np.concatenate([features, features[:1]])})
    np.testing.assert_allclose(ours[:3], logits[:, 0], rtol=0, atol=LOGIT)


def test_the_header_says_what_a_clip_is(exported, finished, dataset):
    header = _header(exported)
    assert json.loads(header["clip_shape"]) == [10, 32, 32, 3]
    assert json.loads(header["preprocessing"]) == dataset.preprocessing
    assert header["preprocessing_fingerprint"] == dataset.fingerprint
    metrics = json.loads((finished / "report/metrics.json").read_text())
    assert int(header["checkpoint_step"]) == metrics["checkpoint_step"]
    assert str(finished.parents[1]) not in "".join(header.values()), "local paths"
    whole = program.describe(Preprocessing(region="full_frame", sampling="first"))
    assert "10 frames 0.04 seconds apart" in whole and "from the video's first one" in whole
    assert "the whole frame" in whole
    counted = program.describe(Preprocessing(sampling="consecutive", spacing=0))
    assert "10 consecutive frames; 1 clips per video" in counted


def test_a_failed_export_leaves_the_files_as_they_were(exported, finished, tmp_path):
    out = tmp_path / "detector.jaxexport"
    shutil.copy(exported, out)
    (tmp_path / "detector.jaxexport.partial").mkdir()  # So that this file cannot be written.
    with pytest.raises(SystemExit, match=r"detector\.jaxexport cannot be written: Is a directory"):
        export.main([f"--workdir={finished}", f"--out={out}"])
    assert out.read_bytes() == exported.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name, f"{out.name}.partial"]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("detector.safetensors", "that is where the parameters go; choose another suffix"),
        (".", "is a folder: name a file"),
        ("file/detector.jaxexport", "cannot be written: File exists"),
    ],
)
def test_unusable_names_are_refused(finished, tmp_path, out, message):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=f"^fdd: .*{message}"):
        export.main([f"--workdir={finished}", f"--out={tmp_path / out}"])


def test_unusable_runs_are_refused(finished, tmp_path, monkeypatch):
    out = f"--out={tmp_path / 'detector.jaxexport'}"
    with pytest.raises(SystemExit, match=r"^fdd: .* holds no run"):
        export.main([f"--workdir={tmp_path}", out])
    shutil.copy(finished / "config.json", tmp_path)
    with pytest.raises(SystemExit, match=r"^fdd: .* has no checkpoint"):
        export.main([f"--workdir={tmp_path}", out])
    shutil.copytree(finished / "checkpoints", tmp_path / "checkpoints", dirs_exist_ok=True)
    for file in tmp_path.glob("checkpoints/*/state/d/*"):
        file.write_bytes(file.read_bytes()[:100])
    command = [sys.executable, "-m", "fdd.export", f"--workdir={tmp_path}", out]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(r"fdd: .* is damaged .*\n", done.stderr), done.stderr
    monkeypatch.setattr(Preprocessing, "fingerprint", lambda self: "another")
    with pytest.raises(SystemExit, match=r"^fdd: .* another version of fdd"):
        export.main([f"--workdir={finished}", out])
    assert not list(tmp_path.glob("detector*"))
