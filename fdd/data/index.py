"""An index of each split: all fields of the records except frames, in one small file.

In the records, fields and frames are stored together, so reading all fields would mean reading the
whole data set. The index is written once: by the build, or by the first reader that can write.
"""

import contextlib
import json
import os
import pathlib
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from fdd.system import whole

PREFIX = "index-"
_OF = "of"  # The column that lists the indexed files; no field has this name.

Rows = list[dict[str, Any]]


def path(folder: pathlib.Path, split: str) -> pathlib.Path:
    """Where the index of a split is."""
    return folder / f"{PREFIX}{split}.npz"


def is_index(name: str) -> bool:
    """Whether a file's name is that of an index."""
    return name.startswith(PREFIX) and name.endswith(".npz")


def read(folder: pathlib.Path, split: str) -> Rows | None:
    """Reads the fields of all records of a split, in their order.

    Args:
        folder: Of the data set.
        split: 'train', 'validation' or 'test'.

    Returns:
        The rows; None if there is no index, or if it is damaged or belongs to other files.
    """
    try:
        with np.load(path(folder, split), allow_pickle=False) as stored:
            columns = {name: _unpacked(stored[name]) for name in stored.files}
        of = columns.pop(_OF)
        rows = zip(*columns.values(), strict=True)
        if of != _files(folder, split):
            return None
        return [dict(zip(columns, values, strict=True)) for values in rows]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def write(folder: pathlib.Path, split: str, rows: Sequence[dict[str, Any]]) -> None:
    """Writes the index of a split; does nothing if the folder cannot be written.

    Args:
        folder: Of the data set.
        split: 'train', 'validation' or 'test'.
        rows: Fields of each record: text, Python's numbers, or NumPy values of one shape and type
            per field.
    """
    columns = {name: _packed([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    columns[_OF] = _packed(_files(folder, split))
    partial = folder / f".{PREFIX}{split}.{os.getpid()}.partial"
    with (
        contextlib.suppress(OSError),
        whole.replaced(path(folder, split), partial),
        partial.open("wb") as file,
    ):
        np.savez_compressed(file, **columns)


def _files(folder: pathlib.Path, split: str) -> list[str]:
    """Names and sizes of a split's files."""
    found = sorted(folder.glob(f"*-{split}.array_record*"))
    return [f"{each.name} {each.stat().st_size}" for each in found]


def _packed(values: Sequence[Any]) -> np.ndarray:
    """A column as an array; text and Python's numbers become the bytes of their JSON."""
    if hasattr(values[0], "dtype"):
        return np.stack(values)
    return np.frombuffer(json.dumps(values).encode(), np.uint8)


def _unpacked(column: np.ndarray) -> Sequence[Any]:
    return json.loads(column.tobytes()) if column.dtype == np.uint8 else column
