"""The exception that ends a command with one line instead of a traceback."""

import errno
import os
import sys
import threading
from types import TracebackType

DISK_CODES = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE,
)  # fmt: skip
"""Error codes of files that cannot be written or read for a reason outside the program."""


class UserError(Exception):
    """An error that the user can fix; its message says what is wrong and what to do."""


class NotSaved(UserError):
    """A checkpoint could not be written; orbax's threads may wait minutes for its rest."""


class OutOfMemory(UserError):
    """The host's memory, or a device's, ran out."""


def first_line(error: BaseException) -> str:
    """The beginning of a library's error message, for use in a line of this program."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def shown(path: str) -> str:
    """A file's name for use in a line of this program, whatever characters it contains."""
    return path if path and path.isprintable() else ascii(path)


def show_without_traceback() -> None:
    """Makes an uncaught `UserError` end the program with only its line.

    For programs of others, such as `tfds build`; other exceptions are shown as before.
    """
    previous = sys.excepthook
    if getattr(previous, "hides_user_errors", False):
        return

    def hook(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, UserError):
            print(f"fdd: {error}", file=sys.stderr)
        else:
            previous(kind, error, traceback)

    hook.hides_user_errors = True
    sys.excepthook = hook


def is_disk_error(error: BaseException | None) -> bool:
    """Whether a file could not be written or read for a reason outside the program."""
    return isinstance(error, OSError) and error.errno in DISK_CODES


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether the memory of the host, or of a device, is exhausted.

    NumPy's exception is a `MemoryError`. XLA's is recognised by its status; tensorstore has the
    same status for full disks, in exceptions of another type.
    """
    of_xla = type(error).__name__ in ("JaxRuntimeError", "XlaRuntimeError")
    return isinstance(error, MemoryError) or (of_xla and "RESOURCE_EXHAUSTED" in str(error))


def disk_error_reason(error: Exception) -> str:
    """Why a file could not be written, if this is such an error; '' otherwise."""
    if isinstance(error, OSError):
        return str(error.strerror) if is_disk_error(error) else ""
    # ArrayRecord raises RuntimeError for everything, with the system's message in it.
    return next((reason for reason in map(os.strerror, DISK_CODES) if reason in str(error)), "")


def silence_disk_errors_in_threads() -> None:
    """Hides the tracebacks of threads that cannot write, as the main thread reports it anyway.

    orbax raises the error again when a checkpoint is waited for, and metrics.jsonl is on the same
    disk as TensorBoard's file. One such failure causes others in what the threads leave behind.
    """
    thread_hook, unraisable_hook = threading.excepthook, sys.unraisablehook
    failed = threading.Event()

    def is_noise(error: BaseException | None) -> bool:
        if is_disk_error(error):
            failed.set()
        return failed.is_set() or str(error) == "Event loop is closed"  # tensorstore's callbacks.

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        if not is_noise(arguments.exc_value):
            thread_hook(arguments)

    def unraisable(arguments: "sys.UnraisableHookArgs") -> None:
        if not is_noise(arguments.exc_value):
            unraisable_hook(arguments)

    threading.excepthook, sys.unraisablehook = in_thread, unraisable
