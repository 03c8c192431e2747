"""Noticing that this machine is about to be taken away."""

import contextlib
import importlib.machinery
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

EXIT_STATUS = 75
"""Of a command that saved its work and is to be started again: EX_TEMPFAIL of sysexits.h."""


STATUSES = {signal.SIGTERM: 143, signal.SIGINT: 130}
"""Of a command that such a signal stopped."""

_USUAL = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
_RAISED: list[int] = []  # The signal that came.
_PAUSE = 0.02  # Seconds, in which a finaliser or an import comes to its end.


class Preempted(BaseException):
    """The program is to stop on SIGTERM; what can be is saved.

    As KeyboardInterrupt, it can be raised anywhere, and is no error for an `except Exception`.
    """


def end_on_signals() -> None:
    """Has SIGTERM and SIGINT end the program in one line, while it has begun nothing yet.

    What somebody else handles or ignores is left alone; `raise_on_signals` takes over.
    """
    for number, usual in _USUAL.items():
        if signal.getsignal(number) == usual:
            signal.signal(number, _end)


def _end(number: int, _: object) -> NoReturn:
    line = "interrupted" if number == signal.SIGINT else "stopped by SIGTERM"
    with contextlib.suppress(OSError):
        os.write(2, f"fdd: {line}\n".encode())
    os._exit(STATUSES[signal.Signals(number)])


def raise_on_signals() -> dict[int, Any]:
    """Has SIGTERM raise `Preempted` and SIGINT KeyboardInterrupt, wherever the program is.

    Only the first of them counts: another one must not end the tidying up. What somebody else
    handles or ignores, as `nohup` does, is left alone. For the main thread; others change nothing.

    Returns:
        The handlers that were there, by signal, of what was changed.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}

    previous = sys.unraisablehook

    def stop(number: int, frame: FrameType | None) -> None:
        if _starts_an_extension(frame):  # What is raised in there comes out as an ImportError.
            _send_again(number)
            return
        for each in _USUAL:
            signal.signal(each, signal.SIG_IGN)
        _RAISED.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else Preempted("stopped by SIGTERM")

    def again(dropped: Any) -> None:
        """Sends the signal once more where a finaliser or a callback dropped what it raised."""
        if not (_RAISED and issubclass(dropped.exc_type, (KeyboardInterrupt, Preempted))):
            previous(dropped)
            return
        number = _RAISED.pop()
        signal.signal(number, stop)
        _send_again(number)

    sys.unraisablehook = again
    found = {
        number: usual
        for number, usual in _USUAL.items()
        if signal.getsignal(number) in (usual, _end)
    }
    for number in found:
        signal.signal(number, stop)
    return found


def _starts_an_extension(frame: FrameType | None) -> bool:
    """Whether a module that is no Python code is being imported."""
    while frame is not None:
        if frame.f_code.co_name in ("create_module", "exec_module") and isinstance(
            frame.f_locals.get("self"), importlib.machinery.ExtensionFileLoader
        ):
            return True
        frame = frame.f_back
    return False


def _send_again(number: int) -> None:
    threading.Timer(_PAUSE, os.kill, (os.getpid(), number)).start()


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

    def note(*_: object) -> None:
        received.append(True)

    try:
        previous = signal.signal(signal.SIGTERM, note)
    except ValueError:  # Only the main thread may; elsewhere, SIGTERM ends the program as ever.
        yield lambda step: False
        return
    try:
        yield lambda step: bool(received)
    finally:
        if signal.getsignal(signal.SIGTERM) == note:  # Otherwise it is ignored since Ctrl-C.
            signal.signal(signal.SIGTERM, signal.SIG_IGN if received else previous)
