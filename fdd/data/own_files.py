"""Files that fdd writes beside the videos of a folder, which are no part of a data set."""

import json
import os
import pathlib

COMPLETE, STARTED = "demo.json", "demo.partial.json"
"""What marks a drawn tree that is complete, and one that is not yet."""


def is_own(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one of them, by its name and by what is in it."""
    path = pathlib.Path(path)
    if path.name not in (COMPLETE, STARTED):
        return False
    try:
        return isinstance(json.loads(path.read_text())["fingerprint"], str)
    except (OSError, ValueError, TypeError, KeyError):
        return False
