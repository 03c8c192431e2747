"""The whole run, through the functions the command calls."""

import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fdd import train
from fdd.data import pipeline
from fdd.errors import UserError
from fdd.training import losses
from tests import kill_and_resume

ROOT = pathlib.Path(__file__).parents[2]


def _metrics(folder):
    return json.loads((folder / "report/metrics.json").read_text())


def _parameters(config, folder):
    with train.open_run(config, folder) as run:
        return train._restore_or_create(run)[:2]


def test_what_a_run_leaves_behind(finished):
    report = {path.name for path in (finished / "report").iterdir()}
    names = "accuracy loss confusion_matrix roc model reliability errors"
    pictures = {f"{name}.png" for name in names.split()}
    assert report == pictures | {"metrics.json", "predictions.csv", "report.md", "report.html"}
    for name in pictures:
        assert (finished / "report" / name).read_bytes().startswith(b"\x89PNG")
    assert list(finished.glob("events.out.tfevents.*"))
    text = (finished / "report/report.md").read_text()
    assert set(re.findall(r"\((\w+\.png)\)", text)) == pictures
    page = (finished / "report/report.html").read_text()
    assert page.count('src="data:image/png;base64,') == len(pictures)
    assert not re.findall(r'(?:src|href)="(?!data:)', page)


def test_metrics_json(finished):
    metrics = _metrics(finished)
    assert metrics["split"] == "test"
    for level, reals, fakes in (("video", 4, 12), ("clip", 8, 24)):
        (tn, fp), (fn, tp) = metrics[level]["confusion_matrix"]
        assert (metrics[level]["num_real"], metrics[level]["num_fake"]) == (reals, fakes)
        assert (tn + fp, fn + tp) == (reals, fakes)
        assert metrics[level]["accuracy"] == (tn + tp) / (reals + fakes)
        assert 0 <= metrics[level]["auc"] <= 1
        assert metrics[level]["log_loss"] > 0
    assert set(metrics["per_method"]) == {"DemoIdentitySwap", "DemoFlicker", "DemoReorder"}
    assert all(values["num_fake"] == 4 for values in metrics["per_method"].values())


def test_the_best_step_on_validation_is_reported(finished):
    records = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    validation = [record for record in records if record["split"] == "validation"]
    assert [record["step"] for record in validation] == [2, 4, 6]
    best = min(validation, key=lambda record: record["loss"])
    assert _metrics(finished)["checkpoint_step"] == best["step"]
    assert [r["step"] for r in records if r["split"] == "train"] == [1, 2, 3, 4, 5, 6]
    assert all(set(record) >= {"step", "epoch", "loss", "accuracy"} for record in records)
    kept = {int(path.name) for path in (finished / "checkpoints").iterdir() if path.name.isdigit()}
    assert kept == {best["step"], 4, 6}


def test_predictions_give_the_metrics(finished):
    with (finished / "report/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 32
    right = [(float(row["logit"]) > 0) == (row["label"] == "fake") for row in rows]
    assert np.mean(right) == _metrics(finished)["clip"]["accuracy"]


def test_a_finished_run_says_so(finished, config, capsys):
    before = (finished / "metrics.jsonl").read_bytes()
    train.train_and_evaluate(config, finished)
    out = capsys.readouterr().out
    assert "is finished" in out
    assert "DemoReorder" in out
    assert (finished / "metrics.jsonl").read_bytes() == before


def test_evaluating_again_gives_the_same(finished, config):
    before = (finished / "report/metrics.json").read_bytes()
    (finished / "report/metrics.json").unlink()
    train.evaluate_again(config, finished)
    assert (finished / "report/metrics.json").read_bytes() == before


@pytest.mark.thorough
def test_an_interrupted_run_ends_as_an_undisturbed_one(finished, config, tmp_path, monkeypatch):
    """Interrupted before the first checkpoint, and after it."""
    batches = pipeline.train_batches

    class Interrupted:
        def __init__(self, last, **kwargs):
            self._batches, self._start = batches(**kwargs), kwargs["start_step"]
            self._last, self.close = last, self._batches.close

        def __iter__(self):
            for step, batch in enumerate(self._batches, self._start):
                if step == self._last:
                    raise KeyboardInterrupt
                yield batch

    for last in (1, 5):
        monkeypatch.setattr(
            pipeline,
            "train_batches",
            lambda data, last=last, **kwargs: Interrupted(last, dataset=data, **kwargs),
        )
        with pytest.raises(KeyboardInterrupt):
            train.train_and_evaluate(config, tmp_path)
    monkeypatch.undo()
    train.train_and_evaluate(config, tmp_path)
    for name in ("metrics.jsonl", "report/metrics.json", "report/predictions.csv"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes(), name
    (one_step, one), (two_step, two) = (_parameters(config, f) for f in (tmp_path, finished))
    assert one_step == two_step == 6
    jax.tree.map(np.testing.assert_array_equal, one, two)


def test_a_workdir_of_another_config_is_refused(finished, config):
    config.batch_size = 8
    with pytest.raises(UserError, match=r"another config \(batch_size: 4 there, 8 here\)"):
        train.train_and_evaluate(config, finished)


def _nan_gradient(logits, labels, label_smoothing):
    """A loss of about 0.7 whose gradient is not a number: 0 times the infinite slope of a root."""
    return 0.7 + jnp.sqrt(0 * logits)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")  # Of the rate.
@pytest.mark.parametrize(
    ("learning_rate", "loss", "message"),
    [
        (1e30, None, r"the \w+ .*of step \d is (nan|inf); "),
        (3.5e38, None, r"the value of params/.* of step 1 is nan; there is no checkpoint"),
        (0.001, _nan_gradient, r"the gradient norm of step 1 is nan; there is no checkpoint"),
    ],
)
def test_what_is_not_finite_stops_the_run_and_is_not_saved(
    config, tmp_path, monkeypatch, learning_rate, loss, message
):
    config.learning_rate = learning_rate
    config.model.encoder = kill_and_resume.QUICK
    config.checkpoint_every_steps = 1
    if loss:
        monkeypatch.setitem(losses.LOSSES, "binary_cross_entropy", loss)
    with pytest.raises(UserError, match=message + r".*lower --config\.learning_rate"):
        train.train_and_evaluate(config, tmp_path)
    assert not (tmp_path / "report").exists()
    for line in (tmp_path / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe{}\n", b"[]"])
def test_damaged_metrics_are_one_line(finished, config, tmp_path, content):
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run/report/metrics.json").write_bytes(content)
    with pytest.raises(UserError, match=r"metrics\.json is damaged.*--mode=eval writes it again"):
        train.train_and_evaluate(config, tmp_path / "run")
    (tmp_path / "run/metrics.jsonl").write_bytes(b'{"step": 1}\n' + content + b"\n")
    with pytest.raises(UserError, match=r"line 2 of .*metrics\.jsonl is damaged"):
        train.evaluate_again(config, tmp_path / "run")


def test_a_missing_data_set_says_how_to_build_it(config, tmp_path):
    config.data.demo = None
    config.data.data_dir = str(tmp_path / "nothing")
    config.data.methods = ("Deepfakes",)
    with pytest.raises(UserError, match=r"--config='{.*\"methods\": ..Deepfakes"):
        train.train_and_evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model.encoder", "resnet51", r"config.model.encoder is 'resnet51', known: resnet18"),
        ("model.temporal", "sum", r"config.model.temporal is 'sum', known: lstm, mean"),
        ("loss", "hinge", r"config.loss is 'hinge', known: binary_cross_entropy"),
        ("optimizer", "sgd", r"config.optimizer is 'sgd', known: adam"),
        ("data.region", "nose", r"region must be one of"),
        ("data.sampling", "all", r"sampling must be one of"),
    ],
)
def test_unknown_names(config, tmp_path, key, value, message):
    config.update_from_flattened_dict({key: value})
    with pytest.raises(UserError, match=message):
        train.train_and_evaluate(config, tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("batch_size", 0, "config.batch_size is 0, it must be at least 1"),
        ("batch_size", 49, "config.batch_size is 49, and .* has only 48 clips to train on"),
        ("num_steps", -1, "config.num_steps is -1, it must be at least 0"),
        ("learning_rate", float("inf"), "config.learning_rate is inf, it must be a finite"),
        ("weight_decay", float("nan"), "config.weight_decay is nan, it must be a finite number"),
        ("learning_rate", -0.1, "config.learning_rate is -0.1, it must be above 0"),
        ("model.width", 0, "config.model.width is 0, it must be at least 1"),
        ("data.image_size", 0, "image_size must be at least 1, not 0"),
        ("data.methods", ("Deepfakes", "Deepfakes"), "and none twice"),
    ],
)
def test_numbers_out_of_range_leave_no_workdir(config, tmp_path, key, value, message):
    config.update_from_flattened_dict({key: value})
    with pytest.raises(UserError, match=message):
        train.train_and_evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_eval_without_a_checkpoint(config, tmp_path):
    with pytest.raises(UserError, match="no checkpoint"):
        train.evaluate_again(config, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config=configs/demo.py", "--config.batchsize=3"], "no such key: 'batchsize'"),
        (["--config=configs/nothing.py"], "there is no config file configs/nothing.py"),
        (["--config=configs/demo.py", "--config.batch_size=many"], "invalid literal"),
        (["--config=configs/demo.py", "--mode=guess"], "value should be one of"),
        (["--config=configs/demo.py", "extra"], "unexpected argument 'extra'"),
        (["--config", "configs/demo.py", "--config.batchsize=3"], "no such key: 'batchsize'"),
        (["--config", "configs/nothing.py"], "there is no config file configs/nothing.py"),
        (["--config.seed=3", "--mode=eval", "--workdir=/x"], "--config=FILE is needed too"),
        (["--workdir=/tmp/x"], "--config=FILE is needed"),
        (["--mode=eval", "--workdir=/nowhere"], "holds no run"),
    ],
)
def test_a_wrong_command_line_ends_with_one_line(arguments, message):
    done = subprocess.run(
        [sys.executable, "-m", "fdd.main", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == (1 if "holds no run" in message else 2)
    assert message in done.stderr
    assert done.stderr.startswith("fdd: ")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def get_config(:", r"cannot be loaded \(SyntaxError: .*config\.py, line 1"),
        (
            "import not_there",
            r"cannot be loaded \(ModuleNotFoundError: No module named 'not_there'",
        ),
        ("keys = 1", r"defines no function get_config\(\)"),
        ("def get_config():\n    return 1 / 0", r"cannot be loaded \(ZeroDivisionError"),
    ],
)
def test_a_config_file_that_cannot_be_loaded_is_one_line(tmp_path, code, message):
    (tmp_path / "config.py").write_text(f"{code}\n")
    command = [sys.executable, "-m", "fdd.main", f"--config={tmp_path / 'config.py'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert re.match(f"fdd: the config file {message}", done.stderr)
    assert len(done.stderr.splitlines()) == 1


def test_the_command_imports_jax_late():
    code = "import sys; import fdd.main; assert 'jax' not in sys.modules, '--help waits for JAX'"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
