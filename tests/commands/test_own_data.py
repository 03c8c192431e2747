"""A run on the user's own folder of videos, here with random labels."""

import json
import random
import shutil

import pytest

from fdd import train
from fdd.errors import UserError

COUNTS = {"train": 8, "validation": 4, "test": 24}


@pytest.fixture(scope="module")
def videos_of_random_labels(tree, tmp_path_factory):
    """All videos of the drawn tree, real and fake alike, shuffled into real/ and fake/."""
    root = tmp_path_factory.mktemp("own")
    paths = sorted(path for path in tree.rglob("*.mp4") if "masks" not in path.parts)
    random.Random(0).shuffle(paths)
    places = [
        f"{split}/{label}"
        for split, count in COUNTS.items()
        for label in ("real", "fake")
        for _ in range(count // 2)
    ]
    for number, (path, place) in enumerate(zip(paths[: len(places)], places, strict=True)):
        (root / place).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / place / f"{number:02d}.mp4")
    return root


@pytest.fixture
def own(config, videos_of_random_labels, tmp_path):
    config.data.builder = "folder"
    config.data.demo = None
    config.data.data_dir = str(tmp_path / "data")
    config.data.manual_dir = str(videos_of_random_labels)
    config.num_steps = 20
    config.eval_every_steps = 10
    return config


@pytest.mark.thorough
def test_random_labels_cannot_be_predicted(own, tmp_path):
    train.train_and_evaluate(own, tmp_path / "run")
    metrics = json.loads((tmp_path / "run/report/metrics.json").read_text())
    assert (metrics["video"]["num_real"], metrics["video"]["num_fake"]) == (12, 12)
    # Labels drawn at random rank 12 against 12 videos this well, or badly, once in 5000 times,
    # whatever the scores are (Mann and Whitney's U); a leak would rank all of them.
    assert 0.05 < metrics["video"]["auc"] < 0.95
    low, high = metrics["video"]["intervals"]["auc"]
    assert 0 <= low <= metrics["video"]["auc"] <= high <= 1


def test_an_unknown_builder(own, tmp_path):
    own.data.builder = "ffpp"
    with pytest.raises(UserError, match=r"'ffpp', known: faceforensics, celeb_df, dfdc, folder"):
        train.train_and_evaluate(own, tmp_path / "run")


def test_a_control_by_config_is_noted(config, finished, tmp_path):
    config.eval_frames = "shuffled"
    train.train_and_evaluate(config, tmp_path)
    page = (tmp_path / "report/report.md").read_text()
    assert "the frames of each clip were shuffled" in page
    steps = [
        json.loads((folder / "report/metrics.json").read_text())["checkpoint_step"]
        for folder in (tmp_path, finished)
    ]
    assert steps[0] == steps[1], "validation must not be shuffled"
    own, plain = (
        (folder / "report/predictions.csv").read_bytes() for folder in (tmp_path, finished)
    )
    assert own != plain
