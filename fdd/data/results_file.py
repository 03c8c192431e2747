"""The results of some videos in a file that is read without running anything in it.

A workspace is below the data folder, where others may be able to write.
"""

import pathlib
import pickle
from collections.abc import Collection, Sequence
from typing import Any

from fdd.errors import UserError, first_line, shown
from fdd.system import plain_pickle


def write(file: pathlib.Path, results: Sequence[Any]) -> None:
    """Writes results for `read`."""
    file.write_bytes(pickle.dumps(results))


def read(file: pathlib.Path, types: Collection[type]) -> list[Any]:
    """Reads what `write` wrote.

    Args:
        file: Where it is.
        types: The types in the results, besides Python's own types and NumPy's numbers.

    Raises:
        UserError: the file is damaged, or not written by `write`.
    """
    try:
        results = plain_pickle.loads(file.read_bytes(), types)
        if isinstance(results, list):
            return results
        reason = f"it holds a {type(results).__name__}"
    except Exception as error:  # A damaged pickle may raise any error.
        reason = first_line(error)
    raise UserError(
        f"{shown(str(file))} is damaged or not of this program ({reason}): delete it, and its "
        "videos are cut again"
    )
