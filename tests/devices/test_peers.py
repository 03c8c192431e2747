"""A run of several processes that loses one of them, by kill -9 or because it fails alone."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from fdd import train
from fdd.training import logs
from tests import kill_and_resume, on_devices
from tests.rounding import SAME

ROOT = pathlib.Path(__file__).parents[2]
LOST_AFTER = 4  # Seconds.
STEPS = 12
LINE = (
    "fdd: another process of this run has ended or cannot be reached; once all are started again, "
    "the same command goes on from the last checkpoint"
)
JOINED = """
import sys, time
from fdd.devices import parallel, processes
processes._LOST_AFTER = {lost_after}
parallel.initialize(*{arguments})
with parallel.ending_alone():
    print("joined", flush=True)
    {body}
"""
RUN = """
import runpy
from fdd.devices import processes
processes._LOST_AFTER = {lost_after}
runpy.run_module("fdd.main", run_name="__main__")
"""


def _port():
    with socket.create_server(("localhost", 0)) as server:
        return server.getsockname()[1]


def _start(code, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _joined(bodies):
    """Two processes that have found each other, and what each of them does then."""
    port = _port()
    started = [
        _start(
            JOINED.format(
                lost_after=LOST_AFTER, arguments=(f"localhost:{port}", 2, index), body=body
            )
        )
        for index, body in enumerate(bodies)
    ]
    for process in started:
        assert "joined" in process.stdout.readline()
    return started


def test_the_first_of_them_is_killed():
    """It is the one that the others report to."""
    first, second = _joined(["time.sleep(60)"] * 2)
    first.kill()
    _, error = second.communicate(timeout=30)
    assert (second.returncode, error) == (75, f"{LINE}\n")


def test_one_that_fails_alone_waits_for_nobody():
    body = "print('out of C', file=open(2, 'w', closefd=False)); sys.exit('fdd: the reason')"
    first, second = _joined(["time.sleep(60)", body])
    _, error = second.communicate(timeout=30)
    assert (second.returncode, sorted(error.splitlines())) == (1, ["fdd: the reason", "out of C"])
    _, error = first.communicate(timeout=30)
    assert (first.returncode, error) == (75, f"{LINE}\n")


def _config_file(data_dir, folder):
    file = folder / "config.py"
    file.write_text(
        kill_and_resume.CONFIG.format(
            data_dir=str(data_dir),
            every=kill_and_resume.EVERY,
            encoder=kill_and_resume.QUICK,
            num_steps=STEPS,
        )
    )
    return file


def _training(file, *flags, **environment):
    """One of two processes that train in the folder run/ beside a config's file."""
    return _start(
        RUN.format(lost_after=LOST_AFTER),
        *(f"--config={file}", f"--workdir={file.parent / 'run'}", *flags),
        "--config.precision=float64",
        JAX_ENABLE_X64="1",
        # If the first finds a compiled program, the others compile while it waits for them.
        JAX_ENABLE_COMPILATION_CACHE="false",
        # Compiles in less time.
        XLA_FLAGS=f"{on_devices.flags(2)} --xla_backend_optimization_level=1",
        **environment,
    )


@pytest.mark.thorough
def test_one_is_killed_while_they_train(config, data_dir, tmp_path):
    """And the run goes on under Open MPI; its files are those of one process, written once.

    Each process has two devices, with pmap.
    """
    config.update(kill_and_resume.EVERY | {"num_steps": STEPS, "precision": "float64"})
    config.model.encoder = kill_and_resume.QUICK
    file = _config_file(data_dir, tmp_path)

    named = [f"--coordinator=localhost:{_port()}", "--num_processes=2"]
    first, second = (_training(file, *named, f"--process_id={index}") for index in range(2))
    kill_and_resume.wait_until((tmp_path / "run/checkpoints/3").is_dir, first)
    os.kill(second.pid, signal.SIGKILL)
    killed = time.monotonic()
    _, error = first.communicate(timeout=60)
    assert time.monotonic() - killed < 30
    assert (first.returncode, error.splitlines()[-1]) == (75, LINE), error
    assert [line for line in error.splitlines() if line and "Training:" not in line] == [LINE]
    open_mpi = {
        "OMPI_MCA_orte_hnp_uri": f"{os.getpid() * 4096}.0;tcp://127.0.0.1:1",
        "OMPI_COMM_WORLD_SIZE": "2",
    }
    again = [
        _training(
            file,
            **open_mpi,
            OMPI_COMM_WORLD_RANK=f"{index}",
            OMPI_COMM_WORLD_LOCAL_RANK=f"{index}",
        )
        for index in range(2)
    ]
    with jax.enable_x64(True):
        train.train_and_evaluate(config, tmp_path / "alone")
    outputs = [process.communicate(timeout=120) for process in again]
    assert [process.returncode for process in again] == [0, 0], outputs
    assert re.search(rf"Going on after step \d+ of {STEPS}\.", outputs[0][0])
    assert ["DemoReorder" in out for out, _ in outputs] == [True, False]
    events = list((tmp_path / "run").glob("events.out.tfevents.*"))
    assert len(events) == 2  # One of each start.
    of_two, of_one = (
        [record["loss"] for record in logs.read_metrics(tmp_path / name)]
        for name in ("run", "alone")
    )
    np.testing.assert_allclose(of_two, of_one, rtol=SAME)
    reports = [kill_and_resume.logits(tmp_path / name / "report") for name in ("run", "alone")]
    assert reports[0] == pytest.approx(reports[1], rel=1e-8)  # Nine digits are written.
