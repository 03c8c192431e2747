"""What is saved and when, and what happens to damaged or unusable checkpoints."""

import contextlib
import json
import os
import pathlib
import random
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fdd import train
from fdd.errors import UserError
from fdd.inference.detector import Detector
from fdd.runs import checksums, workdir
from fdd.runs.checkpoints import DAMAGED_DIR, Checkpoints


def _state(value=1.0):
    return {"params": {"weight": jnp.full(3, value)}, "average": None, "batch_stats": {}}


def _abstract(shape=(3,)):
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    leaf = jax.ShapeDtypeStruct(shape, jnp.float32, sharding=sharding)
    return {"params": {"weight": leaf}, "average": None, "batch_stats": {}}


def _save(folder, losses, value=1.0):
    """A checkpoint per step from 1, each validated."""
    with contextlib.closing(Checkpoints(folder)) as checkpoints:
        for step, loss in enumerate(losses, 1):
            checkpoints.save(step, _state(value), {"at": step}, {"loss": loss})
        checkpoints.wait()


def _steps(folder):
    return sorted(int(path.name) for path in folder.iterdir())


def test_what_changes_after_saving_is_not_saved(tmp_path):
    """A run's log grows while its checkpoint is written: a race, so it is run several times."""
    history, steps = [], range(1, 11)
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        for step in steps:
            history.append(step)
            checkpoints.save(step, {"weight": jnp.zeros(3)}, {"history": history}, {"loss": -step})
            history.append("later")
            checkpoints.wait()
            assert checkpoints.meta(step)["history"] == history[:-1]


@pytest.mark.parametrize(
    "name",
    ["a[1]", "a*b?", "a{x}#%20:", "-a b", "日本ü", "a\\b", "line\nfeed", os.fsdecode(b"latin\xff")],
)
def test_folders_of_any_name(tmp_path, name):
    folder = tmp_path / name / "checkpoints"
    _save(folder, [2.0, 1.0, 3.0, 3.0])
    assert _steps(folder) == [2, 3, 4]
    with contextlib.closing(Checkpoints(folder)) as checkpoints:
        step, state, meta = checkpoints.restore_last(_abstract())
        assert (step, meta) == (4, {"at": 4})
        np.testing.assert_array_equal(state["params"]["weight"], np.ones(3))
        assert checkpoints.best_step == 2
        checkpoints.restore_variables(2, jax.sharding.SingleDeviceSharding(jax.devices()[0]))
    assert os.listdir(tmp_path / name) == ["checkpoints"], "nothing was moved away"


def test_of_equal_losses_the_later_is_the_best_and_stays(tmp_path):
    _save(tmp_path, [2.0, 1.0, 1.0, 3.0, 3.0])
    assert _steps(tmp_path) == [3, 4, 5]
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        assert checkpoints.best_step == 3


def test_a_best_checkpoint_that_is_gone_or_damaged_is_not_replaced(tmp_path):
    _save(tmp_path / "a", [1.0, 2.0, 3.0])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.rmtree(tmp_path / "a" / "1")
    with contextlib.closing(Checkpoints(tmp_path / "a")) as checkpoints:
        with pytest.raises(UserError, match=r"best checkpoint, that of step 1, is missing"):
            _ = checkpoints.best_step
        with pytest.raises(UserError, match=r"best checkpoint, that of step 1, is missing"):
            checkpoints.restore_last(_abstract())
    (tmp_path / "b/1/metrics/metrics").unlink()
    with contextlib.closing(Checkpoints(tmp_path / "b")) as checkpoints:
        assert checkpoints.best_step == 1
        with pytest.raises(UserError, match=r"step 1 .* damaged \(metrics/metrics is missing\)"):
            checkpoints.restore_last(_abstract())
    assert _steps(tmp_path / "b") == [1, 2, 3]


def test_what_does_not_fit_is_left_alone(tmp_path):
    """Undamaged files that cannot be restored: nothing is moved, and the reason is printed."""
    folder = tmp_path / "checkpoints"
    _save(folder, [1.0, 2.0])
    with contextlib.closing(Checkpoints(folder)) as checkpoints:
        other = {**_abstract(), "more": _abstract()["params"]}
        with pytest.raises(UserError, match=r"step 2 .* cannot be read \(.*was not changed"):
            checkpoints.restore_last(other)
    assert _steps(folder) == [1, 2]
    assert not (tmp_path / DAMAGED_DIR).exists()


def test_damage_is_reported_only_if_it_is_found_twice(tmp_path, monkeypatch):
    _save(tmp_path, [1.0])
    digest, calls = checksums._digest, []
    monkeypatch.setattr(
        checksums,
        "_digest",
        lambda path: calls.append(path) or ("0" * (len(calls) == 1)) or digest(path),
    )
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        assert checkpoints.restore_last(_abstract())[0] == 1
    assert calls[0] in calls[1:]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path, value):
    _save(tmp_path, [1.0], value)
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        for restore in (
            lambda: checkpoints.restore(1, _abstract()),
            lambda: checkpoints.restore_variables(1, sharding),
        ):
            with pytest.raises(UserError, match=r"not finite \(params/weight\)"):
                restore()


def test_checkpoints_without_checksums_are_read_and_said_once(tmp_path, capsys):
    _save(tmp_path, [2.0, 1.0, 3.0])
    for file in tmp_path.glob(f"*/{checksums.FILE}"):
        file.unlink()
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        assert checkpoints.best_step == 2
        assert checkpoints.restore_last(_abstract())[0] == 3
        checkpoints.save(4, _state(), {}, {"loss": 2.0})
        checkpoints.wait()
        assert checkpoints.best_step == 2
    assert capsys.readouterr().err.count("have no checksums") == 1


def _answer(folder):
    """Everything that a verdict depends on besides the video."""
    loaded = Detector.load(folder)
    config = workdir.plain(loaded.config)
    del config["num_workers"], config["parallel"], config["data"]["data_dir"]
    leaves = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(loaded.state)]
    return config, loaded.step, loaded.calibration, loaded.fingerprint, leaves


def _damage(file: pathlib.Path, rng: random.Random) -> str:
    data = bytearray(file.read_bytes())
    kind = rng.choice(["flip", "flip", "cut", "remove"])
    if kind == "flip" and data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file.write_bytes(data)
    elif kind == "cut":
        file.write_bytes(data[: rng.randrange(len(data) or 1)])
    else:
        file.unlink()
    return kind


def test_damage_never_changes_an_answer_silently(finished, tmp_path, capsys):
    """One file of a run is damaged in many ways: the same answer, or one clear line."""
    original, rng = _answer(finished), random.Random(0)
    names = [
        file.relative_to(finished)
        for file in sorted(finished.glob("checkpoints/*/**/*"))
        if file.is_file()
    ]
    names += [pathlib.Path("config.json")] * 5
    outcomes = {"same": 0, "refused": 0}
    for _ in range(40):
        name = rng.choice(names)
        folder = tmp_path / "run"
        shutil.copytree(finished, folder)
        kind = _damage(folder / name, rng)
        try:
            assert _answer(folder) == original, f"{kind} {name}: another answer"
            outcomes["same"] += 1
        except UserError as error:
            assert len(str(error).splitlines()) == 1
            assert str(tmp_path) in str(error)
            outcomes["refused"] += 1
        assert len(capsys.readouterr().err.splitlines()) <= 1
        shutil.rmtree(folder)
    assert min(outcomes.values()) > 5


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"\xff\xfe", b"[1]", b"[" * 100_000])
def test_a_damaged_config_is_one_line(finished, config, tmp_path, content):
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run/config.json").write_bytes(content)
    for load in (
        lambda: Detector.load(tmp_path / "run"),
        lambda: train.train_and_evaluate(config, tmp_path / "run"),
    ):
        with pytest.raises(UserError, match=r"config\.json is damaged, it .*JSON"):
            load()


def test_facts_are_protected_like_files(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_text("text")
    checksums.write(tmp_path, {"best": 3})
    assert checksums.facts(tmp_path)["best"] == 3 and checksums.check(tmp_path)
    content = json.loads((tmp_path / checksums.FILE).read_text())
    (tmp_path / checksums.FILE).write_text(json.dumps({**content, "best": 4}))
    with pytest.raises(checksums.Damaged):
        checksums.facts(tmp_path)
