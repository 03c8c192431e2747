"""Files that fdd writes into a folder of videos; they are not part of a data set."""

import json
import os
import pathlib

COMPLETE, STARTED = "demo.json", "demo.partial.json"
"""They mark a drawn tree that is complete, and one that is not yet complete."""


def is_own(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one of them, by its name and its contents."""
    path = pathlib.Path(path)
    if path.name not in (COMPLETE, STARTED):
        return False
    try:
        return isinstance(json.loads(path.read_text())["fingerprint"], str)
    except (OSError, ValueError, TypeError, KeyError):
        return False
