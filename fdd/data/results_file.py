"""The results of some videos as a file, read without running anything that stands in it.

A workspace lies below the data folder, where others may write.
"""

import pathlib
import pickle
from collections.abc import Collection, Sequence
from typing import Any

from fdd.errors import UserError, first_line, shown
from fdd.system import plain_pickle


def write(file: pathlib.Path, results: Sequence[Any]) -> None:
    """Writes results that `read` gives back."""
    file.write_bytes(pickle.dumps(results))


def read(file: pathlib.Path, types: Collection[type]) -> list[Any]:
    """Reads what `write` wrote.

    Args:
        file: Where it is.
        types: What results consist of besides Python's own types and NumPy's numbers.

    Raises:
        UserError: the file is damaged, or somebody else's.
    """
    try:
        results = plain_pickle.loads(file.read_bytes(), types)
        if isinstance(results, list):
            return results
        reason = f"it holds a {type(results).__name__}"
    except Exception as error:  # Damaged pickles raise whatever the types in them do.
        reason = first_line(error)
    raise UserError(
        f"{shown(str(file))} is damaged or not of this program ({reason}): delete it, and its "
        "videos are cut again"
    )
