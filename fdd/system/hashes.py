"""SHA-256 of files, remembered as long as a file stays as it was."""

import contextlib
import hashlib
import json
import pathlib
from typing import Any

from fdd.system import home, whole

_MEMORY = "hashes.json"
_MOST = 100  # Files that are remembered.


def sha256(file: pathlib.Path) -> str:
    """A file's SHA-256 in hexadecimal digits.

    A file of the same place, size and time of change as before is not read again: gigabytes take
    seconds.

    Raises:
        OSError: it cannot be read.
    """
    file = file.resolve()
    stat = file.stat()
    stamp = [stat.st_size, stat.st_mtime_ns]
    known = _remembered()
    if str(file) in known and known[str(file)][:2] == stamp:
        return known[str(file)][2]
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    _remember({**known, str(file): [*stamp, found]})
    return found


def _place() -> pathlib.Path | None:
    folder = home.cache_folder("fdd")
    return folder and folder / _MEMORY


def _remembered() -> dict[str, Any]:
    """By file: size, time of change, and hash; empty if there is nothing, or it is damaged."""
    try:
        known = json.loads(_place().read_text("utf-8"))
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
    whole_rows = isinstance(known, dict) and all(
        isinstance(row, list) and [*map(type, row)] == [int, int, str] for row in known.values()
    )
    return known if whole_rows else {}


def _remember(known: dict[str, Any]) -> None:
    if place := _place():
        newest = dict([*known.items()][-_MOST:])
        with contextlib.suppress(OSError), whole.replaced(place) as partial:
            partial.write_text(json.dumps(newest), "utf-8")
