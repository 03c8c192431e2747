"""The exception that ends a command with one line instead of a traceback."""

import sys
from types import TracebackType


class UserError(Exception):
    """Something the user can put right; its message says what is wrong and what to do."""


def first_line(error: BaseException) -> str:
    """The beginning of what an exception of somebody else's says, for use in a line of ours."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def show_without_traceback() -> None:
    """Makes an uncaught `UserError` end the program with its line alone.

    For programs that are not ours, such as `tfds build`; other exceptions are shown as before.
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
