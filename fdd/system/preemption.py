"""Noticing that this machine is about to be taken away."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import NoReturn

EXIT_STATUS = 75
"""Of a command that saved its work and is to be started again: EX_TEMPFAIL of sysexits.h."""


class Preempted(BaseException):
    """The program is to stop on SIGTERM; what can be is saved.

    As KeyboardInterrupt, it can be raised anywhere, and is no error for an `except Exception`.
    """


def raise_on_sigterm() -> None:
    """Has SIGTERM raise `Preempted`, once, wherever the program is; for the main thread."""

    def stop(*_: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Preempted("stopped by SIGTERM")

    signal.signal(signal.SIGTERM, stop)


@contextlib.contextmanager
def watch(agreed: Callable[[int], bool]) -> Iterator[Callable[[int], bool]]:
    """A context in which SIGTERM does not end the program.

    Args:
        agreed: With several processes: whether all of them know, and have come to this step.

    Returns:
        A function to call after each step with its number: whether to save and stop now.
    """
    import jax  # Late, so that a command that only may be stopped need not wait for it.

    if jax.process_count() > 1:  # jax.distributed has taken the signal.
        yield agreed
        return
    received = []
    try:
        previous = signal.signal(signal.SIGTERM, lambda *_: received.append(True))
    except ValueError:  # Only the main thread may; elsewhere, SIGTERM ends the program as ever.
        yield lambda step: False
        return
    try:
        yield lambda step: bool(received)
    finally:
        signal.signal(signal.SIGTERM, previous)
