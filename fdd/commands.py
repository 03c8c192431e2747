"""How a command ends: one line on standard error where something stopped it, and a status."""

import contextlib
import os
import pathlib
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

from fdd.errors import UserError, is_of_the_disk, shown
from fdd.system import preemption

ERROR, INTERRUPTED, TERMINATED = 1, 130, 143
"""Exit statuses: of an error with a line that says which, after Ctrl-C, and after SIGTERM."""


@contextlib.contextmanager
def one_line(
    place: str | os.PathLike[str] = "", after_interrupt: str = "", waits: bool = True
) -> Iterator[None]:
    """A context that ends the program where a command is stopped from outside or by a `UserError`.

    Args:
        place: What cannot be written where an error of the disk does not say what.
        after_interrupt: What to know after Ctrl-C.
        waits: Whether a program that is stopped waits for its threads.
    """
    open_standard_streams()
    handlers = preemption.raise_on_signals()
    try:
        yield
        sys.stdout.flush()
    except UserError as error:
        _end(str(error), ERROR)
    except BrokenPipeError:  # Whoever reads standard output has had enough.
        _end("standard output was closed before all was written", ERROR, waits)
    except MemoryError:
        _end("there is not enough memory", ERROR)
    except KeyboardInterrupt:
        _end("; ".join(filter(None, ["interrupted", after_interrupt])), INTERRUPTED, waits)
    except preemption.Preempted as stopped:
        _end(str(stopped), TERMINATED, waits)
    except OSError as error:
        if not is_of_the_disk(error):
            raise
        path = shown(os.fsdecode(error.filename or place))
        _end(f"{path} cannot be written: {error.strerror}", ERROR)
    finally:
        for number, handler in handlers.items():
            if signal.getsignal(number) != signal.SIG_IGN:  # Which it is where one has come.
                signal.signal(number, handler)


@contextlib.contextmanager
def writing_to(folder: str | os.PathLike[str]) -> Iterator[None]:
    """A context whose errors of the disk name a folder where they name no file.

    Raises:
        UserError: the folder was deleted or moved.
    """
    try:
        yield
    except FileNotFoundError as error:
        inside = error.filename is not None and os.path.abspath(folder) in map(
            os.fspath, pathlib.Path(os.path.abspath(os.fsdecode(error.filename))).parents
        )
        if not inside or os.path.exists(os.path.dirname(os.path.abspath(error.filename))):
            raise
        raise UserError(
            f"{shown(os.fsdecode(error.filename))} cannot be written: its folder was deleted or "
            "moved while the program ran"
        ) from None
    except OSError as error:
        if is_of_the_disk(error) and error.filename is None:
            error.filename = os.fspath(folder)
        raise


def open_standard_streams() -> None:
    """Makes standard streams that are closed lead nowhere, and all of them take any character.

    Otherwise the next file that is opened would get the number of a closed one, and with it what
    libraries print.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest free number, that is this one.
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", closefd=False))
        if hasattr(stream := getattr(sys, name), "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _end(line: str, status: int, waits: bool = True) -> NoReturn:
    """Says a line and leaves; what standard output still holds and cannot take is dropped."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if status == ERROR and waits:
        sys.exit(f"fdd: {line}")
    with contextlib.suppress(OSError):
        print(f"fdd: {line}", file=sys.stderr, flush=True)
    if not waits:
        os._exit(status)
    sys.exit(status)
