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
    """Signals the group; returns the printed lines, without progress and the data set's."""
    for number in signals:
        os.killpg(process.pid, number)
        time.sleep(0.05)
    output, _ = process.communicate(timeout=60)
    deadline = time.monotonic() + 5
    while left := _members(process.pid):
        assert time.monotonic() < deadline, left
    lines = [line.rpartition("\r")[2] for line in output.split("\n")]
    usual = ("Downloading", "Data set ", "Going on after")
    return [
        line
        for line in lines
        if line
        and "%|" not in line
        and not line.startswith(usual)
        and "is recognised as" not in line
    ]


def _count(folder: pathlib.Path, ending: str) -> int:
    """How many files below a folder have an ending, while other processes create and move them."""
    return sum(name.endswith(ending) for *_, names in os.walk(folder) for name in names)


def _members(group: int) -> list[str]:
    """The remaining processes of a group, without zombies."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = path.read_text().rpartition(") ")[2].split()[:3]
        except OSError:
            continue
        if int(of) == group and state != "Z":
            found.append(path.parent.joinpath("cmdline").read_text())
    return found


@pytest.mark.thorough
def test_drawing_and_cutting_that_are_stopped_go_on_to_the_same_data_set(dataset, tmp_path):
    data = tmp_path / "data"
    stops = (
        (".mp4", (signal.SIGTERM, signal.SIGINT)),
        (".pickle", (signal.SIGINT, signal.SIGTERM)),
    )
    for ending, signals in stops:
        before = _count(data, ending)
        process = kill_and_resume.start(data, tmp_path / "run", 6)
        kill_and_resume.wait_until(
            lambda: _count(data, ending) > before,  # noqa: B023
            process,
        )
        lines = _stop(process, *signals)
        status, line = ENDS[signals[0]]
        assert process.returncode == status, lines
        assert lines == [line]
    built = prepare.open_dataset(tiny_config(data).data)
    names = sorted(path.name for path in dataset.folder.iterdir() if path.suffix != ".json")
    for name in names:
        ours, theirs = built.folder / name, dataset.folder / name
        assert ours.read_bytes() == theirs.read_bytes(), name


@pytest.mark.thorough
def test_training_with_readers(data_dir, tmp_path):
    flags = ("--config.num_workers=2",)
    process = kill_and_resume.start(data_dir, tmp_path / "run", 20_000, *flags)
    records = functools.partial(logs.read_metrics, tmp_path / "run")
    kill_and_resume.wait_until(lambda: any(r["step"] > 5 for r in records()), process)
    (line,) = _stop(process, signal.SIGTERM)
    step = records()[-1]["step"]
    assert line.startswith(f"fdd: stopped after step {step}, which is saved; the same command")
    assert process.returncode == 75
