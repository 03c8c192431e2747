"""The results of some videos as a file, read without running anything that stands in it.

Pickle is quick and knows all types, but runs what a file names. A workspace lies below the data
folder, where others may write, so only the types that results consist of may be named.
"""

import io
import pathlib
import pickle
from collections.abc import Collection, Sequence
from typing import Any

from fdd.errors import UserError, first_line, shown

_NUMBERS = {("numpy", "dtype"), ("numpy._core.multiarray", "scalar")}


class _Reader(pickle.Unpickler):
    def __init__(self, content: bytes, types: Collection[type]):
        super().__init__(io.BytesIO(content))
        self._names = {(each.__module__, each.__qualname__) for each in types} | _NUMBERS

    def find_class(self, module: str, name: str) -> Any:
        """Returns what a file names, if it may."""
        if (module, name) not in self._names:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)


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
        results = _Reader(file.read_bytes(), types).load()
        if isinstance(results, list):
            return results
        reason = f"it holds a {type(results).__name__}"
    except Exception as error:  # Damaged pickles raise whatever the types in them do.
        reason = first_line(error)
    raise UserError(
        f"{shown(str(file))} is damaged or not of this program ({reason}): delete it, and its "
        "videos are cut again"
    )
