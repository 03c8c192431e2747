"""Joining the other processes of a run, if there are any."""

import contextlib
import os
import re
import sys
import threading
from collections.abc import Iterator

import jax

from fdd.devices import peers
from fdd.errors import UserError, first_line

_SAID_AFTER, _MOST, _LOST_AFTER = 5.0, 300.0, 100.0  # Seconds.
_SLURM, _OPEN_MPI = "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE"


def initialize(
    coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Joins the other processes of a run, if there are any. Call it before a device is used.

    SLURM (`srun`) and Open MPI (`mpirun`) are recognised by their environment variables. If the
    others do not come, a line says so after some seconds, and the program ends after five minutes.

    Args:
        coordinator: Host and port of the first process, if no launcher is to be recognised.
        num_processes: Number of processes.
        process_id: Which of them this is, from 0.

    Raises:
        UserError: only some of the three are given, or the others cannot be reached.
    """
    given = [value is not None for value in (coordinator, num_processes, process_id)]
    if any(given) and not all(given):
        raise UserError("--coordinator, --num_processes and --process_id belong together")
    if all(given):
        _check(coordinator, num_processes, process_id)
        remedy = "start them too, with --process_id from 0, or leave --coordinator out"
        with _patience(num_processes, remedy):
            _join(coordinator, num_processes, process_id)
        return
    for name, launcher in ((_SLURM, "srun"), (_OPEN_MPI, "mpirun")):
        count = _number(name)
        if count < 2:
            continue
        if not _launched(name, count):
            print(
                f"fdd: {name}={count}, but {launcher} did not start this: it runs alone",
                file=sys.stderr,
            )
            continue
        with _patience(count, f"use {launcher}, or unset {name}"):
            _join()
        return


def _launched(name: str, count: int) -> bool:
    """Whether this is one of `count` processes, and not a shell inside an allocation."""
    if name == _OPEN_MPI:
        return "OMPI_COMM_WORLD_RANK" in os.environ
    in_step = _number("SLURM_STEP_NUM_TASKS", count)
    return "SLURM_STEP_NODELIST" in os.environ and in_step > 1


def _number(name: str, default: int = 1) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal():
        raise UserError(f"the environment variable {name} is '{text}', not a number: unset it")
    return int(text)


def _check(coordinator: str, num_processes: int, process_id: int) -> None:
    if not re.fullmatch(r".+:\d{1,5}", coordinator):
        raise UserError(f"--coordinator={coordinator} is not HOST:PORT, for example node1:4567")
    if not 0 <= process_id < num_processes:
        raise UserError(
            f"--process_id={process_id} must be from 0 to below --num_processes={num_processes}"
        )


def _join(*arguments: str | int) -> None:
    try:
        # Longer than `_patience`: on a timeout, JAX prints its own stack trace.
        jax.distributed.initialize(
            *arguments,
            initialization_timeout=int(2 * _MOST) + 60,
            heartbeat_timeout_seconds=int(_LOST_AFTER),
        )
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the processes do not find each other: {first_line(error)}") from None
    peers.watch()


@contextlib.contextmanager
def _patience(count: int, remedy: str) -> Iterator[None]:
    """A context that prints whom it waits for, and finally that they did not come."""
    others = f"{count - 1} other process{'es' if count > 2 else ''}"

    def say() -> None:
        print(f"fdd: waiting for {others} … ({remedy})", file=sys.stderr, flush=True)

    def end() -> None:
        print(f"fdd: {others} did not come in {_MOST:g} s: {remedy}", file=sys.stderr, flush=True)
        os._exit(1)

    timers = [threading.Timer(_SAID_AFTER, say), threading.Timer(_MOST, end)]
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
