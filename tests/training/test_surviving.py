"""Faults during a run: damaged files, full disks, two runs in one folder, signals."""

import errno
import fcntl
import functools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from fdd import evaluate, train
from fdd.data import pipeline
from fdd.data.records import Dataset
from fdd.errors import UserError
from fdd.runs import prepare, workdir
from fdd.runs.checkpoints import DAMAGED_DIR
from fdd.training import logs, pretrained
from tests import kill_and_resume, on_devices
from tests.conftest import disk

ROOT = pathlib.Path(__file__).parents[2]


def _copy(folder, to):
    shutil.copytree(folder, to)
    return to


def _files(folder):
    return sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: -p.stat().st_size)


def _truncate_largest(folder):
    largest = _files(folder)[0]
    largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])


def _delete_manifest(folder):
    next(folder.rglob("manifest.ocdbt")).unlink()


def _delete_largest(folder):
    _files(folder)[0].unlink()


@pytest.mark.parametrize("damage", [_truncate_largest, _delete_largest, _delete_manifest])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    finished, config, tmp_path, capsys, damage
):
    folder = _copy(finished, tmp_path / "run")
    shutil.rmtree(folder / "report")
    damage(folder / "checkpoints/6")
    train.train_and_evaluate(config, folder)
    out = capsys.readouterr().out
    assert re.search(r"the checkpoint of step 6 in .* is damaged \(.*\); going on from", out)
    assert "Going on after step 4 of 6." in out
    assert (folder / "metrics.jsonl").read_bytes() == (finished / "metrics.jsonl").read_bytes()
    for name in ("metrics.json", "predictions.csv"):
        assert (folder / "report" / name).read_bytes() == (finished / "report" / name).read_bytes()
    assert (folder / DAMAGED_DIR / "6").is_dir(), "nothing is thrown away"


def test_all_checkpoints_damaged(finished, config, tmp_path):
    folder = _copy(finished, tmp_path / "run")
    shutil.rmtree(folder / "report")
    steps = [path for path in (folder / "checkpoints").iterdir() if path.name.isdigit()]
    for step in steps:
        _delete_manifest(step)
    with pytest.raises(UserError, match=r"the checkpoint of step \d is damaged|in .* is damaged"):
        train.train_and_evaluate(config, folder)
    with pytest.raises(SystemExit, match=r"fdd: the checkpoint of step \d in .* is damaged"):
        evaluate.main([f"--workdir={folder}"])


def _damaged_dataset(dataset, split, damage, tmp_path):
    folder = _copy(dataset.folder, tmp_path / "data")
    (shard,) = folder.glob(f"*-{split}.array_record*")
    shard.write_bytes(damage(shard.read_bytes()))
    return Dataset(folder)


@pytest.mark.parametrize("num_workers", [0, pytest.param(1, marks=pytest.mark.thorough)])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[: len(data) // 2], id="truncated"),
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(
            lambda data: (
                data[:90_000] + bytes(b ^ 255 for b in data[90_000:90_200]) + data[90_200:]
            ),
            id="overwritten",
        ),
    ],
)
def test_a_damaged_shard_stops_training_and_is_named(
    config, dataset, tmp_path, monkeypatch, damage, num_workers
):
    broken = _damaged_dataset(dataset, "train", damage, tmp_path)
    monkeypatch.setattr(prepare, "open_dataset", lambda data: broken)
    config.balanced = False  # Otherwise the labels are read first.
    config.model.encoder = kill_and_resume.QUICK
    config.num_workers = num_workers
    config.num_steps = 12
    message = r"data, split 'train': record \d+ cannot be read \(.*\): delete the data set and"
    with pytest.raises(UserError, match=message):
        train.train_and_evaluate(config, tmp_path / "run")


def test_a_damaged_shard_stops_an_evaluation_and_is_named(finished, dataset, tmp_path):
    broken = _damaged_dataset(dataset, "test", lambda data: data[: len(data) // 2], tmp_path)
    with pytest.raises(SystemExit, match=r"fdd: .*, split 'test': record 0 cannot be read"):
        evaluate.main([f"--workdir={finished}", f"--dataset={broken.folder}"])


def test_a_worker_that_is_killed_stops_the_run(config, tmp_path, monkeypatch):
    batches, killed = pipeline.train_batches, []

    def kill_the_reader(*args, **kwargs):
        for index, batch in enumerate(batches(*args, **kwargs)):
            if index == 1:
                (worker,) = _children(os.getpid(), "spawn_main")
                os.kill(worker, signal.SIGKILL)
                killed.append(time.monotonic())
            yield batch

    monkeypatch.setattr(pipeline, "train_batches", kill_the_reader)
    config.model.encoder = kill_and_resume.QUICK
    config.num_workers = 1
    config.num_steps = 2000
    config.eval_every_steps = 2000
    with pytest.raises(UserError, match=r"reading records stopped .* config.num_workers"):
        train.train_and_evaluate(config, tmp_path)
    assert time.monotonic() - killed[0] < 60


def _children(parent, of):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            is_child = f"\nPPid:\t{parent}\n" in (path / "status").read_text()
            if is_child and of in (path / "cmdline").read_text():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def test_two_runs_in_one_workdir(config, tmp_path):
    config = pretrained.with_normalization(config)
    with workdir.claim(tmp_path, config):
        pid = os.getpid()
        with pytest.raises(UserError, match=rf"is in use by process {pid} on .*: wait for"):
            train.train_and_evaluate(config, tmp_path)
    with workdir.claim(tmp_path, config):
        pass


def test_a_workdir_on_a_file_system_without_locks(config, tmp_path, monkeypatch, capsys):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with workdir.claim(tmp_path, config):
        assert "cannot be locked here: start no second run in it" in capsys.readouterr().out
    assert (tmp_path / "config.json").exists()


@pytest.mark.thorough
def test_a_full_disk(data_dir, small_disk):
    # One checkpoint has room, two have not.
    wide = "--config.model.lstm_features=64"
    start = functools.partial(kill_and_resume.start, data_dir, small_disk / "run", 20, wide)
    process = start()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    lines = [line for line in output.split("\n") if line and "Training:" not in line]
    assert len(lines) == 2, output
    assert lines[0].startswith("Data set faceforensics/")
    assert lines[1].startswith("fdd: ")
    assert "No space left on device" in lines[1]
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    process = start()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output


def test_a_workdir_that_cannot_be_written(config, small_disk, tmp_path):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(UserError, match=r"run cannot be written: Read-only file system"):
        train.train_and_evaluate(config, small_disk / "run")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"run cannot be written: Not a directory"):
        train.train_and_evaluate(config, tmp_path / "file/run")


def test_a_finished_run_that_is_read_only_shows_its_report(finished, config, tmp_path, capsys):
    with disk(tmp_path / "disk", 20_000) as folder:
        run = _copy(finished, folder / "run")
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        train.train_and_evaluate(config, run)
        shown = capsys.readouterr()
        assert "DemoReorder, per video" in shown.out
        assert shown.err.endswith("cannot be written: Read-only file system; nothing was written\n")
        with pytest.raises(UserError, match=r"nothing was .* again: .* --out=DIR writes elsewhere"):
            train.evaluate_again(workdir.stored_config(run), run)
        assert "DemoReorder, per video" in capsys.readouterr().out


@pytest.mark.thorough
def test_sigterm_saves_and_another_number_of_devices_goes_on(data_dir, tmp_path):
    start, stopped = 0, []
    for num_devices in (2, 1):
        flags = on_devices.flags(num_devices)
        process = kill_and_resume.start(data_dir, tmp_path / "run", 50_000, XLA_FLAGS=flags)
        records = functools.partial(logs.read_metrics, tmp_path / "run")
        kill_and_resume.wait_until(
            lambda: any(r["step"] > start + 5 for r in records()),  # noqa: B023
            process,
        )
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 75, output
        (step,) = re.findall(r"fdd: stopped after step (\d+), which is saved", output)
        assert (tmp_path / "run/checkpoints" / step).is_dir()
        assert records()[-1]["step"] == int(step)
        assert (f"Going on after step {start} of" in output) == (start > 0)
        start = int(step)
        stopped.append(start)
    assert stopped[1] > stopped[0] + 5
    steps = [record["step"] for record in records() if record["split"] == "train"]
    assert steps == list(range(1, stopped[1] + 1))


@pytest.mark.thorough
def test_profile(config, tmp_path):
    config.model.encoder = kill_and_resume.QUICK
    with train.open_run(config, tmp_path) as run:
        train.train(run, (2, 4))
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))
    assert list((tmp_path / "profile").rglob("perfetto_trace.json.gz"))


@pytest.mark.parametrize("profile", ["5", "0:5", "-1:5", "7:7", "9:3", ""])
def test_a_wrong_profile(profile):
    command = [sys.executable, "-m", "fdd.main", "--config=configs/demo.py"]
    done = subprocess.run(
        [*command, f"--profile={profile}"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stderr.startswith(f"fdd: --profile={profile} is not START:STOP, for example 10:15;")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_profile_of_steps_that_are_not_taken(config, tmp_path):
    with pytest.raises(UserError, match=r"--profile=7:9 begins at no step .* those are 1 to 6"):
        train.train_and_evaluate(config, tmp_path, profile=(7, 9))
