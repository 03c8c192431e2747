"""Files that nobody sees in part: they are written beside their place and then put there."""

import contextlib
import pathlib
from collections.abc import Iterator


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
