"""Training on genuine videos alone."""

import contextlib
import json
import shutil

import pytest

from fdd import train
from fdd.errors import UserError
from fdd.inference.detector import Detector
from fdd.training import batches
from tests import kill_and_resume


@pytest.fixture
def genuine(config, tree, tmp_path):
    """A config for a folder of nothing but genuine videos."""
    (tmp_path / "held/real").mkdir(parents=True)
    for video in sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[:6]:
        shutil.copy(video, tmp_path / "held/real")
    config.data.builder, config.data.demo = "folder", None
    config.data.manual_dir, config.data.data_dir = str(tmp_path / "held"), str(tmp_path / "data")
    config.data.fakes = "self_blended"
    config.model.encoder = kill_and_resume.QUICK
    config.num_steps, config.eval_every_steps = 2, 2
    return config


def test_genuine_videos_alone_give_a_detector_and_a_report_that_says_so(genuine, tmp_path, capsys):
    train.train_and_evaluate(genuine, tmp_path / "run")
    said = capsys.readouterr().err
    for split in ("validation", "test"):
        assert f"has no fakes for {split}: self-blended ones are scored" in said
    metrics = json.loads((tmp_path / "run/report/metrics.json").read_text())
    assert set(metrics["per_method"]) == {"self_blended"}
    assert metrics["video"]["num_real"] == metrics["video"]["num_fake"] > 0
    page = (tmp_path / "run/report/report.md").read_text()
    assert "its fakes are self-blended" in page
    detector = Detector.load(tmp_path / "run")
    assert detector.calibration.fitted
    video = next((tmp_path / "held/real").iterdir())
    assert detector.predict(str(video)).probability is not None


def test_recorded_fakes_that_are_held_are_not_read_and_are_scored(config, tmp_path, capsys):
    config.data.fakes = "self_blended"
    config.model.encoder = kill_and_resume.QUICK
    config.num_steps, config.eval_every_steps = 1, 1
    with train.open_run(config, tmp_path) as run:
        assert run.steps_per_epoch == 2 * 12 // config.batch_size, "12 of 48 clips are genuine"
        with contextlib.closing(batches.of(config, run.dataset, 0, 6)) as read:
            assert not any(batch["label"].any() for batch in read)
    assert "recorded fakes for training are not read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.fakes": "blended"}, "known: recorded, self_blended, both"),
        ({"batch_size": 3}, "3, which 1 devices cannot share evenly in groups of 2 clips: take"),
        ({"data.region": "full_frame"}, "has no landmarks, .* take --config.data.region=face"),
        (
            {"freeze": "encoder", "cache_features": True, "augment.flip": False},
            "cache_features computes features once, and config.data.fakes=self_blended makes other",
        ),
        ({"blend.constant": -1.0}, "config.blend.constant, .* must be 0 or more"),
        (
            {"blend.constant": 0.0, "blend.drifting": 0.0, "blend.reordered": 0.0},
            "one of them above 0",
        ),
    ],
)
def test_what_blending_cannot_do_is_one_line(genuine, tmp_path, changes, message):
    if "data.fakes" not in changes:
        genuine.batch_size = 4
    genuine.update_from_flattened_dict(changes)
    with pytest.raises(UserError, match=message):
        train.train_and_evaluate(genuine, tmp_path / "run")
