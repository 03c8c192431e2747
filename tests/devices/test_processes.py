"""Processes that wait for others that do not come."""

import os
import pathlib
import subprocess
import sys

import pytest

from fdd.devices import processes
from fdd.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]
CODE = """
from fdd.devices import processes
processes._SAID_AFTER, processes._MOST = 0.5, 1.5  # Seconds.
processes.initialize(*{arguments})
print("alone")
"""
ALLOCATION = {"SLURM_JOB_ID": "5", "SLURM_NTASKS": "4"}
STEP = {
    **ALLOCATION,
    **{"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_STEP_NODELIST": "localhost"},
}


def _run(arguments=(), **environment):
    return subprocess.run(
        [sys.executable, "-c", CODE.format(arguments=arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_shell_in_an_allocation_runs_alone_and_says_so():
    """As after `salloc`, with and without a step of its own for the shell."""
    for environment in (ALLOCATION, {**STEP, "SLURM_STEP_NUM_TASKS": "1"}):
        done = _run(**environment)
        assert (done.returncode, done.stdout) == (0, "alone\n")
        assert done.stderr == "fdd: SLURM_NTASKS=4, but srun did not start this: it runs alone\n"


@pytest.mark.parametrize(
    ("arguments", "environment", "others"),
    [
        ((), STEP, "3 other processes"),
        ((), {**STEP, "SLURM_PROCID": "2"}, "3 other processes"),
        (("localhost:45671", 2, 1), {}, "1 other process"),
    ],
)
def test_missing_processes_are_named_soon_and_end_with_one_line(arguments, environment, others):
    done = _run(arguments, **environment)
    assert done.returncode == 1 and not done.stdout
    waiting, given_up = done.stderr.splitlines()
    assert waiting.startswith(f"fdd: waiting for {others} … (")
    assert given_up.startswith(f"fdd: {others} did not come in 1.5 s: ")
    if not arguments:
        assert waiting.endswith("(use srun, or unset SLURM_NTASKS)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("localhost", 2, 0), "--coordinator=localhost is not HOST:PORT"),
        (("localhost:1234", 2, 2), "--process_id=2 must be from 0 to below --num_processes=2"),
    ],
)
def test_wrong_flags(arguments, message):
    with pytest.raises(UserError, match=message):
        processes.initialize(*arguments)


def test_variables_that_are_not_numbers(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "4(x2)")
    with pytest.raises(UserError, match=r"SLURM_NTASKS is '4\(x2\)', not a number"):
        processes.initialize()
    monkeypatch.delenv("SLURM_NTASKS")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "3")
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "0")
    with pytest.raises(UserError, match="do not find each other"):
        processes.initialize()
