"""Signals that reach a run and all its workers at once, as from a terminal or a scheduler."""

import functools
import os
import pathlib
import signal
import subprocess
import time

import pytest

from fdd.runs import prepare
from fdd.training import logs
from tests import kill_and_resume
from tests.conftest import tiny_config

ENDS = {
    signal.SIGTERM: (75, "fdd: stopped by SIGTERM; the same command goes on from there"),
    signal.SIGINT: (130, "fdd: interrupted; the same command goes on from here"),
}


def _stop(process: subprocess.Popen, *signals: int) -> list[str]:
    """Signals the group; returns what was printed, without progress bars."""
    for number in signals:
        os.killpg(process.pid, number)
        time.sleep(0.05)
    output, _ = process.communicate(timeout=60)
    deadline = time.monotonic() + 5
    while left := _members(process.pid):
        assert time.monotonic() < deadline, left
    lines = [line.rpartition("\r")[2] for line in output.split("\n")]
    return [line for line in lines if line and "%|" not in line]


def _members(group: int) -> list[str]:
    """The processes that are left of a group, those that only wait to be counted left out."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = path.read_text().rpartition(") ")[2].split()[:3]
        except OSError:
            continue
        if int(of) == group and state != "Z":
            found.append(path.parent.joinpath("cmdline").read_text())
    return found


def test_drawing_and_cutting_that_are_stopped_go_on_to_the_same_data_set(dataset, tmp_path):
    data = tmp_path / "data"
    stops = (
        ("*.mp4", (signal.SIGTERM, signal.SIGINT)),
        ("*.mp4", (signal.SIGINT, signal.SIGINT)),
        ("*.pickle", (signal.SIGTERM,)),
        ("*.pickle", (signal.SIGINT, signal.SIGTERM)),
    )
    for pattern, signals in stops:
        before = len(list(data.rglob(pattern)))
        process = kill_and_resume.start(data, tmp_path / "run", 6)
        kill_and_resume.wait_until(
            lambda: len(list(data.rglob(pattern))) > before,  # noqa: B023
            process,
        )
        lines = _stop(process, *signals)
        status, line = ENDS[signals[0]]
        assert process.returncode == status, lines
        assert [each for each in lines if not each.startswith("Downloading")] == [line]
    built = prepare.open_dataset(tiny_config(data).data)
    names = sorted(path.name for path in dataset.folder.iterdir() if path.suffix != ".json")
    for name in names:
        ours, theirs = built.folder / name, dataset.folder / name
        assert ours.read_bytes() == theirs.read_bytes(), name


@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGINT, signal.SIGTERM)])
def test_training_with_readers(data_dir, tmp_path, signals):
    flags = ("--config.num_workers=2",)
    process = kill_and_resume.start(data_dir, tmp_path / "run", 20_000, *flags)
    records = functools.partial(logs.read_metrics, tmp_path / "run")
    kill_and_resume.wait_until(lambda: any(r["step"] > 5 for r in records()), process)
    (line,) = _stop(process, *signals)
    if signals[0] == signal.SIGTERM:
        step = records()[-1]["step"]
        assert line.startswith(f"fdd: stopped after step {step}, which is saved; the same command")
        assert process.returncode == 75
    else:
        assert (process.returncode, line) == ENDS[signal.SIGINT]


def test_readers_leave_nothing_in_shared_memory(finished, data_dir, tmp_path):
    """And end as the threads of the run's own process do, with the same file."""
    process = kill_and_resume.start(
        data_dir, tmp_path / "run", 6, "--config.num_workers=2",
        *("--config.eval_every_steps=2", "--config.checkpoint_every_steps=0"),
    )  # fmt: skip
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "resource_tracker" not in output
    metrics = (tmp_path / "run/metrics.jsonl").read_bytes()
    assert metrics == (finished / "metrics.jsonl").read_bytes()
