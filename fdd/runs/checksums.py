"""Checksums of the files in a folder, so that damage is noticed before they are used."""

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from fdd.system import whole

FILE = "checksums.json"
_NOT_COVERED = "commit_success.txt"  # Written last, by orbax; it contains a time.


class Damaged(Exception):
    """A file has changed since it was written; the message says which."""


def write(folder: pathlib.Path, facts: Mapping[str, Any]) -> None:
    """Writes SHA-256 of every file in the folders of `folder`, and `facts`, into its `FILE`.

    Args:
        folder: A folder whose files are complete.
        facts: JSON-compatible; protected from unnoticed damage like the files.
    """
    content = {**facts, "files": {name: _digest(folder / name) for name in _names(folder)}}
    with whole.replaced(folder / FILE) as partial, partial.open("w") as file:
        json.dump({**content, "sha256": _own_digest(content)}, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())


def facts(folder: pathlib.Path) -> dict[str, Any] | None:
    """The facts that `write` stored; None if it was never called.

    Raises:
        Damaged: the file of checksums is damaged.
        OSError: it cannot be read.
    """
    content = _read(folder)
    return content and {key: value for key, value in content.items() if key != "files"}


def check(folder: pathlib.Path) -> bool:
    """Reads all files; twice if one seems damaged, since networks and memory have errors too.

    Returns:
        Whether there are checksums; without them, nothing is known about the files.

    Raises:
        Damaged: a file is damaged.
        OSError: a file cannot be read.
    """
    try:
        return _check(folder)
    except Damaged:
        return _check(folder)


def _check(folder: pathlib.Path) -> bool:
    content = _read(folder)
    if content is None:
        return False
    found, written = set(_names(folder)), content["files"]
    for name in sorted(found | written.keys()):
        if name not in found:
            raise Damaged(f"{name} is missing")
        if name not in written:
            raise Damaged(f"{name} does not belong there")
        if _digest(folder / name) != written[name]:
            raise Damaged(f"{name} is not what was written")
    return True


def _read(folder: pathlib.Path) -> dict[str, Any] | None:
    file = folder / FILE
    try:
        content = json.loads(file.read_bytes())
        if content.pop("sha256") != _own_digest(content):
            raise ValueError
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise Damaged(f"{FILE} is not what was written") from None
    return content


def _names(folder: pathlib.Path) -> list[str]:
    """Files in the subfolders of `folder`; orbax writes those beside them last."""
    return sorted(
        os.path.relpath(os.path.join(place, name), folder)
        for place, _, names in os.walk(folder)
        for name in names
        if place != os.fspath(folder) and name != _NOT_COVERED
    )


def _digest(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own_digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
