"""Stopping on SIGTERM and Ctrl-C, and noticing that this machine is about to be taken away."""

import contextlib
import functools
import importlib.machinery
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

EXIT_STATUS = 75
"""Exit status of a command that saved its work and can be started again: EX_TEMPFAIL."""


STATUSES = {signal.SIGTERM: 143, signal.SIGINT: 130}
"""Exit status of a command that such a signal stopped."""

_USUAL = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
_RAISED: list[int] = []  # The signal that arrived.
_PAUSE = 0.02  # Seconds, in which a finaliser or an import can finish.


class Preempted(BaseException):
    """The program must stop on SIGTERM; its work is saved if possible.

    Like KeyboardInterrupt, it can be raised anywhere, and `except Exception` does not catch it.
    """


def end_on_signals() -> None:
    """Makes SIGTERM and SIGINT end the program with one line, while it has not started its work.

    Handlers of others and ignored signals are left alone; `raise_on_signals` replaces this later.
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
    """Makes SIGTERM raise `Preempted` and SIGINT raise KeyboardInterrupt, wherever the program is.

    Only the first signal counts: a second one must not interrupt the clean-up. Handlers of others
    and ignored signals (`nohup`) are left alone. Works in the main thread; elsewhere it does
    nothing.

    Returns:
        The previous handlers that were replaced, by signal.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}

    previous = sys.unraisablehook

    def stop(number: int, frame: FrameType | None) -> None:
        if _starts_an_extension(frame):  # An exception there would become an ImportError.
            _send_again(number)
            return
        for each in _USUAL:
            signal.signal(each, signal.SIG_IGN)
        _RAISED.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else Preempted("stopped by SIGTERM")

    def again(dropped: Any) -> None:
        """Sends the signal again if a finaliser or a callback swallowed the exception."""
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
    """Whether an extension module (not Python code) is being imported."""
    while frame is not None:
        if frame.f_code.co_name in ("create_module", "exec_module") and isinstance(
            frame.f_locals.get("self"), importlib.machinery.ExtensionFileLoader
        ):
            return True
        frame = frame.f_back
    return False


def _send_again(number: int) -> None:
    kills = os.name != "posix"  # Windows' os.kill ends the process, whatever is to be done first.
    send = signal.raise_signal if kills else functools.partial(os.kill, os.getpid())
    threading.Timer(_PAUSE, send, (number,)).start()


@contextlib.contextmanager
def watch(agreed: Callable[[int], bool]) -> Iterator[Callable[[int], bool]]:
    """A context in which SIGTERM is noted and does not end the program.

    Args:
        agreed: With several processes: whether all know of the signal and have reached this step.

    Returns:
        A function to call after each step with its number: whether to save and stop now.
    """
    import jax  # Imported late, so that signals are handled before JAX is loaded.

    if jax.process_count() > 1:  # jax.distributed handles the signal.
        yield agreed
        return
    received = []

    def note(*_: object) -> None:
        received.append(True)

    try:
        previous = signal.signal(signal.SIGTERM, note)
    except ValueError:  # Only the main thread may; elsewhere, SIGTERM ends the program as usual.
        yield lambda step: False
        return
    try:
        yield lambda step: bool(received)
    finally:
        if signal.getsignal(signal.SIGTERM) == note:  # Otherwise it is ignored since Ctrl-C.
            signal.signal(signal.SIGTERM, signal.SIG_IGN if received else previous)
