"""The end of a process that has lost the others of its run, or that fails alone."""

import contextlib
import ctypes
import io
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import NoReturn

from fdd.system import preemption

_LINE = (
    "fdd: another process of this run has ended or cannot be reached; once all are started again, "
    "the same command goes on from the last checkpoint"
)
_FATAL = "the JAX distributed service detected fatal errors"
# XLA's errors begin with a status. They are RuntimeErrors, and ValueErrors under pmap.
_COLLECTIVE = re.compile(r"[A-Z_]+: .*(gloo|nccl|peer|coordination|heartbeat|barrier)", re.I | re.S)
_LOG_LINE = re.compile(r"[IWEF]\d{4} ")  # A new message of XLA: its severity, month and day.
_SERVICE = re.compile("coordination.service|preemption_sync_manager")
_GRACE = 3.0  # Seconds, in which the others can fail for the same reason, and say so.
_watching, _ending = threading.Event(), threading.Event()


class _Lines(io.TextIOWrapper):
    """Standard error that knows whether a line has been begun, such as that of a progress bar."""

    begun = False

    def write(self, text: str) -> int:
        if text:
            self.begun = not text.endswith("\n")
        return super().write(text)


def watch() -> None:
    """Makes the loss of another process end this one with one line, and a status to go on with.

    JAX notices it (`jax.distributed.initialize`: heartbeats), and then its C++ code prints a stack
    trace and aborts: it offers no other way, as its callback for Python aborts as well. So what
    C++ code prints goes through a pipe, and a thread that reads it ends the process. The code that
    aborts is held up for long enough.
    """
    _watching.set()
    terminal = os.dup(2)
    read, write = os.pipe()
    stream = os.fdopen(terminal, "wb")
    sys.stderr = _Lines(stream, errors="backslashreplace", line_buffering=True)
    os.dup2(write, 2)
    os.close(write)
    threading.Thread(target=_forward, args=(read, terminal), daemon=True).start()
    if os.name == "posix":
        # The handler is called with the signal's number: the thread that aborts sleeps 6 seconds.
        libc = ctypes.CDLL(None)
        libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        libc.signal(signal.SIGABRT, ctypes.cast(libc.sleep, ctypes.c_void_p))


def _forward(read: int, terminal: int) -> None:
    """Copies lines, but for those of the service that notices the loss; ends the process on it."""
    hidden = False
    with open(read, "rb", buffering=0) as stream:
        for line in iter(stream.readline, b""):
            text = line.decode(errors="replace")
            if _FATAL in text:
                if not _ending.is_set():
                    _end(_LINE, preemption.EXIT_STATUS)
                return
            if _LOG_LINE.match(text):
                hidden = _SERVICE.search(text) is not None
            if not hidden:
                os.write(terminal, line)


@contextlib.contextmanager
def ending_alone() -> Iterator[None]:
    """A context in which a process that fails does not wait for the others of its run.

    They may be waiting for it, and JAX would wait for them before the program ends. With one
    process it does nothing.
    """
    try:
        yield
    except BaseException as error:
        if not _watching.is_set():
            raise
        if isinstance(error, SystemExit) and error.code in (None, 0, preemption.EXIT_STATUS):
            raise  # All end so, at the same step.
        if isinstance(error, RuntimeError | ValueError) and _COLLECTIVE.match(str(error)):
            _end(_LINE, preemption.EXIT_STATUS)
        _ending.set()
        status, line = 1, ""
        if not isinstance(error, SystemExit):
            traceback.print_exception(error)
        elif isinstance(error.code, int):
            status = error.code
        else:
            line = str(error.code)
        with contextlib.suppress(OSError):
            print(line, end="\n" if line else "", file=sys.stderr, flush=True)
        time.sleep(_GRACE)
        _end("", status)


def _end(line: str, status: int) -> NoReturn:
    if line and getattr(sys.stderr, "begun", False):
        line = f"\n{line}"
    with contextlib.suppress(OSError):
        print(line, end="\n" if line else "", file=sys.stderr, flush=True)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(status)
