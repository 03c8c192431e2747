"""Options for training that starts from somebody else's encoder."""

import importlib
import json
import shutil

import pytest

from fdd import recipes, train
from fdd.errors import UserError
from fdd.runs import workdir
from tests.rounding import SAME
from tests.training import random_steps

pytestmark = pytest.mark.usefixtures("float64")  # So that a tolerance hides nothing.


@pytest.fixture
def config(config):
    return random_steps.of_stripes(config)


def test_early_stopping(config, tmp_path, capsys):
    config.early_stopping = 2
    config.learning_rate = 1e-30  # Nothing improves.
    config.eval_every_steps = 1
    config.num_steps = 20
    config.freeze, config.frozen_batch_stats = "encoder", True
    train.train_and_evaluate(config, tmp_path)
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records if r["split"] == "validation"] == [1, 2, 3]
    train.train_and_evaluate(config, tmp_path)
    assert "is finished" in capsys.readouterr().out


def _train(config, folder):
    """Without the report, which takes longer."""
    with train.open_run(config, folder) as run:
        train.train(run)


def _flip_a_byte(file):
    data = bytearray(file.read_bytes())
    data[-7] ^= 64
    file.write_bytes(data)


def test_cached_features_give_the_same(config, tmp_path, capsys):
    config.freeze = "encoder"
    config.augment.flip = False
    config.num_steps, config.eval_every_steps = 12, 6
    runs = {}
    for cache in (False, True):
        config.cache_features = cache
        folder = tmp_path / str(cache)
        _train(config, folder)
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        runs[cache] = [json.loads(line) for line in lines]
    assert {p.name for p in (tmp_path / "True/features").iterdir()} == {
        f"{split}.{ending}" for split in ("train", "validation") for ending in ("npy", "sha256")
    }
    file = tmp_path / "True/features/train.npy"
    _flip_a_byte(file)
    shutil.rmtree(tmp_path / "True/checkpoints")
    _train(config, tmp_path / "True")
    assert capsys.readouterr().out.count(f"{file} is damaged, of other clips or another") == 1
    again = (tmp_path / "True/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in again] == runs[True], "what was damaged was used"
    for one, two in zip(*runs.values(), strict=True):
        assert one["loss"] == pytest.approx(two["loss"], rel=SAME)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cache_features": True}, "needs an encoder that never changes"),
        (
            {"cache_features": True, "freeze": "encoder", "augment.jpeg": 0.5},
            "augmented: --config.augment.flip=False, --config.augment.jpeg=0$",
        ),
        ({"freeze": "stage9"}, "known: '', first, layer1, encoder"),
        ({"ema_decay": 1.0}, "config.ema_decay is 1.0, it must be at least 0 and below 1"),
        ({"tune": "layer_norm"}, "config.tune is 'layer_norm', known: all$"),
        ({"encoder_learning_rate_decay": -1.0}, "it must be at least 0"),
        ({"schedule": "linear"}, "known: constant, cosine"),
        ({"final_learning_rate": 1.0}, "final_learning_rate is 1.0, above config.learning_rate"),
        ({"augment.blur": 1.5}, "config.augment.blur is 1.5, a probability must be from 0 to 1"),
        ({"augment.rotation": -1.0}, "config.augment.rotation is -1.0, it must be at least 0"),
    ],
)
def test_settings_that_make_no_sense(config, tmp_path, changes, message):
    config.update_from_flattened_dict(changes)
    with pytest.raises(UserError, match=message):
        train.train_and_evaluate(config, tmp_path)


def test_the_reference_recipe_and_the_recommended_one_are_complete(config):
    from fdd.configs import resnet_lstm
    from fdd.training import config_checks

    for name in recipes.names():
        config_checks.check(importlib.import_module(f"fdd.configs.{name}").get_config())
    seed = resnet_lstm.get_config()
    assert (seed.l2_lstm_kernel, seed.learning_rate, seed.batch_size, seed.num_epochs) == (
        0.01,
        0.001,
        32,
        50,
    )
    off = {
        "freeze": "",
        "freeze_epochs": 0,
        "frozen_batch_stats": False,
        "schedule": "constant",
        "encoder_learning_rate_scale": 1.0,
        "encoder_learning_rate_decay": 1.0,
        "tune": "all",
        "warmup_steps": 0,
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "ema_decay": 0.0,
        "early_stopping": 0,
    }
    assert {key: seed[key] for key in off} == off
    assert (seed.model.dropout_features, seed.model.dropout_head) == (0, 0)


@pytest.mark.thorough
def test_weights_are_needed_for_the_start_alone(config, finished, tmp_path):
    """A run goes on, and is evaluated, if the weights that it started from are gone."""
    config.model.encoder = "resnet_tiny"
    config.model.pretrained = str(shutil.copytree(finished, tmp_path / "weights"))
    _train(config, tmp_path / "run")
    shutil.rmtree(tmp_path / "weights")
    workdir.check(tmp_path / "run", config)
    train.train_and_evaluate(config, tmp_path / "run")
    assert (tmp_path / "run/report/metrics.json").exists()
    with pytest.raises(UserError, match="is neither a"):
        train.train_and_evaluate(config, tmp_path / "new")


def test_weights_of_a_run_of_another_version_are_refused(config, finished, tmp_path):
    """A v1 and a v1.5 network have parameters of the same shapes and compute other things."""
    config.model.pretrained, config.model.version = str(finished), "v1"
    with pytest.raises(UserError, match=r"holds a ResNet v1.5: say --config.model.version=v1.5"):
        train.train_and_evaluate(config, tmp_path)
