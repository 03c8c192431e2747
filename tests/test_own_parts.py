"""Parts that a user wrote, from the config to an exported program."""

import json
import shutil

import jax
import jax.export
import numpy as np
import pytest

from fdd import parts, train
from fdd.data import pipeline
from fdd.errors import UserError
from fdd.inference import program
from fdd.inference.detector import Detector
from fdd.models import layers
from fdd.video.prefetch import extract
from tests import own_parts


@pytest.fixture(scope="module")
def videos(tree, tmp_path_factory):
    """The drawn tree's videos in another layout."""
    root = tmp_path_factory.mktemp("own")
    kinds = {"genuine": "original_sequences/youtube", "forged": "manipulated_sequences/DemoFlicker"}
    for kind, folder in kinds.items():
        (root / kind).mkdir()
        paths = sorted((tree / folder / "c23/videos").glob("*.mp4"))
        for number, path in enumerate(paths[:8]):
            shutil.copy(path, root / kind / f"{kind}{number}_{number % 4}.mp4")
    return root


@pytest.fixture
def config(config, videos, tmp_path):
    config.data.builder = "tests.own_parts:TwoFolders"
    config.data.demo = None
    config.data.data_dir, config.data.manual_dir = str(tmp_path / "data"), str(videos)
    config.model.encoder = "tests.own_parts:NormalisedStripes"
    config.model.temporal = "tests.own_parts:Changes"
    config.model.depth = 1
    config.loss = "tests.own_parts:focal"
    config.freeze = "first"
    return config


@pytest.mark.thorough
def test_own_parts_go_all_the_way(config, videos, tmp_path, monkeypatch):
    config.model.encoder = "tests.own_parts:Stripes"
    config.l2_lstm_kernel = 0.01  # There is no kernel that it could mean.
    train.train_and_evaluate(config, tmp_path / "run")
    detector = Detector.load(tmp_path / "run")
    assert [*detector.config.model.mean] == [127.5] * 3
    _resumed(config, tmp_path, monkeypatch)

    video = str(videos / "forged/forged1_1.mp4")
    prediction = detector.predict(video)
    (clips,) = extract(video, detector.preprocessing).people
    found = detector.explain(clips)
    assert found.maps.shape == (len(clips), 10, 1, 1), "tokens of stripes are no map"
    np.testing.assert_allclose(found.contributions, found.maps[..., 0, 0], rtol=1e-6)

    program.export(tmp_path / "run", tmp_path / "detector.bin")
    reloaded = jax.export.deserialize(bytearray((tmp_path / "detector.bin").read_bytes()))
    probabilities = reloaded.call(np.stack([clip.images() for clip in clips]))["probability"]
    scores = 1 / (1 + np.exp(-detector.score(clips) / detector.calibration.temperature))
    np.testing.assert_allclose(probabilities, scores, atol=1e-5)
    assert prediction.people
    boxes = layers.describe(detector.task.model, (10, 32, 32, 3))
    assert [box.name for box in boxes[1:3]] == ["Stripes, first", "Stripes, layer1"]
    assert boxes[-2].name == "Temporal head"


def _resumed(config, tmp_path, monkeypatch):
    """A run that is interrupted ends with the same report."""
    batches = pipeline.train_batches

    def interrupted(*args, **kwargs):
        for step, batch in enumerate(batches(*args, **kwargs)):
            if step == 3:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(pipeline, "train_batches", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train.train_and_evaluate(config, tmp_path / "again")
    monkeypatch.undo()
    train.train_and_evaluate(config, tmp_path / "again")
    for name in ("metrics.jsonl", "report/predictions.csv"):
        one, two = ((tmp_path / run / name).read_bytes() for run in ("run", "again"))
        assert one == two, name


@pytest.mark.parametrize(
    ("key", "name", "message"),
    [
        ("model.encoder", "resnet51", "known: resnet18, .*; or one of your own, as package"),
        ("model.encoder", "os:system", "which is no subclass of fdd.models.encoder.Encoder"),
        ("model.encoder", "tests.own_parts:Changes", "no subclass of fdd.models.encoder.Encoder"),
        ("model.encoder", "tests.own_parts:Absent", "tests.own_parts has no Absent"),
        (
            "model.temporal",
            "tests.own_parts:Stripes",
            "no subclass of fdd.models.temporal",
        ),
        ("loss", "nowhere:focal", "code that is not part of fdd: .* add --import=nowhere"),
        ("loss", "tests.own_parts:focal", "takes no label_smoothing: leave that at 0"),
        ("loss", "os:abort", "which is no function of logits and labels"),
        ("loss", "tests.own_parts:Stripes", "which is no function of logits and labels"),
        (
            "data.builder",
            "tests.own_parts:focal",
            "no subclass of fdd.data.builder.ClipBuilder",
        ),
    ],
)
def test_names_without_a_part_are_refused(config, tmp_path, key, name, message):
    config.update_from_flattened_dict({key: name, "label_smoothing": 0.1 if key == "loss" else 0.0})
    with pytest.raises(UserError, match=message):
        train.train_and_evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run/checkpoints").exists()


def test_a_foreign_run_imports_nothing(config, tmp_path, monkeypatch):
    """Its config.json could name any module, for example one in its own folder."""
    (tmp_path / "harmful.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    train.train_and_evaluate(config, tmp_path / "run")
    stored = json.loads((tmp_path / "run/config.json").read_text())
    stored["model"]["encoder"] = "harmful:Encoder"
    (tmp_path / "run/config.json").write_text(json.dumps(stored))
    with pytest.raises(UserError, match="add --import=harmful to the command"):
        Detector.load(tmp_path / "run")
    assert not (tmp_path / "ran").exists()


def test_modules_that_cannot_be_imported(tmp_path, monkeypatch):
    (tmp_path / "broken_parts.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"broken_parts cannot be imported \(ZeroDivisionError: "):
        parts.import_modules(["broken_parts"])
    with pytest.raises(UserError, match=r"absent_parts cannot be imported \(ModuleNotFoundError"):
        parts.import_modules(["absent_parts"])
    assert own_parts.__name__ == "tests.own_parts"
