"""Files that nobody sees in part: they are written beside their place and then put there."""

import contextlib
import pathlib
from collections.abc import Iterator

from fdd.errors import UserError, shown


@contextlib.contextmanager
def replaced(file: pathlib.Path, partial: pathlib.Path | None = None) -> Iterator[pathlib.Path]:
    """A context with a path to write to; what is there at its end takes the place of `file`.

    If the context fails, `file` stays as it was, and what was written is deleted.

    Args:
        file: The file.
        partial: Where to write, on the same file system; by default beside `file`, with '.partial'
            after its name.

    Raises:
        OSError: the file cannot be put in its place.
    """
    partial = partial or file.with_name(f"{file.name}.partial")
    try:
        yield partial
        partial.replace(file)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write(file: pathlib.Path, content: bytes) -> None:
    """Writes a file, which is replaced once the new one is whole.

    Raises:
        UserError: it cannot be written.
    """
    try:
        with replaced(file) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise UserError(f"{shown(str(file))} cannot be written: {error.strerror}") from None
