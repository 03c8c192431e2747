"""Splits that hold real videos only or fake ones only."""

import json
import shutil

import pytest

from fdd import predict, train
from fdd.errors import UserError
from fdd.inference.detector import Detector
from tests import kill_and_resume


@pytest.fixture(scope="module")
def videos_without_real_validation(tree, tmp_path_factory):
    """Drawn videos of the session's tree in the layout of the builder `folder`."""
    root = tmp_path_factory.mktemp("one_class")
    reals = sorted(tree.glob("original_sequences/**/videos/*.mp4"))
    fakes = sorted(tree.glob("manipulated_sequences/DemoFlicker/**/videos/*.mp4"))
    for place, videos in {
        "train/real": reals[:2],
        "train/fake": fakes[:2],
        "validation/fake": fakes[2:3],
        "test/real": reals[4:5],
        "test/fake": fakes[4:5],
    }.items():
        (root / place).mkdir(parents=True)
        for video in videos:
            shutil.copy(video, root / place / f"{place[:2]}{video.name}")
    return root


@pytest.fixture
def one_class(config, videos_without_real_validation, tmp_path):
    config.data.builder = "folder"
    config.data.demo = None
    config.data.data_dir = str(tmp_path / "data")
    config.data.manual_dir = str(videos_without_real_validation)
    config.model.encoder = kill_and_resume.QUICK
    config.num_steps = 2
    return config


def test_validation_of_one_class_chooses_nothing_and_says_so(
    one_class, videos_without_real_validation, tmp_path, capsys
):
    run = tmp_path / "run"
    with pytest.raises(UserError, match=r"config\.early_stopping=0"):
        one_class.early_stopping = 1
        train.train_and_evaluate(one_class, run)
    assert not run.exists(), "it is said before training starts"
    one_class.early_stopping = 0
    capsys.readouterr()
    train.train_and_evaluate(one_class, run)
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("fdd: ")]
    assert "has fake clips only for validation: temperature, threshold and the best" in line
    metrics = json.loads((run / "report/metrics.json").read_text())
    assert metrics["checkpoint_step"] == 2, "the last one"
    assert metrics["calibrated"]["fitted"] is False
    page = (run / "report/report.md").read_text()
    assert "**not fitted**" in page and "were fitted" not in page
    assert "the last one (validation has only one class" in page
    assert Detector.load(run).calibration.fitted is False
    video = next(videos_without_real_validation.glob("test/real/*.mp4"))
    predict.main([f"--workdir={run}", f"--out={tmp_path / 'out'}", str(video)])
    assert "were not fitted" in capsys.readouterr().out
    (written,) = (tmp_path / "out").glob("*.html")
    assert "not fitted: validation had only one class" in written.read_text()
