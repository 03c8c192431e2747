"""Reading weights with the names of PyTorch's modules (safetensors)."""

import collections
import json
import math
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import ml_dtypes
import numpy as np

from fdd.errors import UserError
from fdd.models.weights import Origin, Tensors, check_normalization, unreadable

_TYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": ml_dtypes.bfloat16, "BOOL": "?"},
    **{f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)},
}


def origin(file: pathlib.Path) -> Origin:
    """What `fdd.export` wrote into a file's header; for other files nothing is known.

    Raises:
        UserError: the file cannot be read, or its header is damaged.
    """
    import safetensors

    try:
        with safetensors.safe_open(file, "numpy") as opened:
            metadata = opened.metadata() or {}
    except (OSError, safetensors.SafetensorError) as error:
        raise unreadable(file, "a safetensors", error) from None
    if "fdd_config" not in metadata:
        return Origin()
    try:
        model = json.loads(metadata["fdd_config"])["model"]
        mean, std = (tuple(float(value) for value in model[key]) for key in ("mean", "std"))
        check_normalization(mean, std)
        return Origin(version=str(model["version"]), mean=mean, std=std)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise UserError(f"{file}: the description of the run in its header is damaged") from None


def read_all(files: Sequence[pathlib.Path]) -> Tensors:
    """Maps the tensors of several files, see `read`.

    Raises:
        UserError: one cannot be read, or two hold a tensor of the same name.
    """
    parts = [read(file) for file in files]
    tensors = collections.ChainMap(*parts)  # Reads nothing.
    if len(tensors) < sum(map(len, parts)):
        raise UserError(f"{files[0]} and other parts beside it hold tensors of the same names")
    return tensors


def read(file: pathlib.Path) -> Tensors:
    """Maps tensors by their names; without classifier, LSTM and head.

    A tensor is mapped into memory when it is asked for, and as long as somebody holds it.

    Raises:
        UserError: the file cannot be read.
    """
    import safetensors

    try:
        with safetensors.safe_open(file, "numpy") as opened:  # Which sees that all fits the file.
            names = [*opened.keys()]
        places = _places(file, names)
    except (OSError, safetensors.SafetensorError, LookupError, TypeError, ValueError) as error:
        raise unreadable(file, "a safetensors", error) from None
    ignored = re.compile(r"fc\.|lstm\.|head\.|.*num_batches_tracked$")
    return _Mapped(file, {name: p for name, p in places.items() if not ignored.match(name)})


class _Place(NamedTuple):
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int


class _Mapped(Mapping[str, np.ndarray]):
    """A file's tensors, by their names."""

    def __init__(self, file: pathlib.Path, places: Mapping[str, _Place]):
        self._file, self._places = file, places

    def __getitem__(self, name: str) -> np.ndarray:
        dtype, shape, offset = self._places[name]
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.memmap(self._file, dtype, "r", offset, shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _places(file: pathlib.Path, names: Sequence[str]) -> dict[str, _Place]:
    """Where a file's tensors lie.

    Raises:
        ValueError: NumPy has no such type, or a tensor is not where it can be.
    """
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length))
    end, places = file.stat().st_size, {}
    for name in names:
        said = header[name]
        if said["dtype"] not in _TYPES:
            raise ValueError(f"its type {said['dtype']} is not known")
        dtype, shape = np.dtype(_TYPES[said["dtype"]]), tuple(said["shape"])
        start, stop = (8 + length + offset for offset in said["data_offsets"])
        if not 0 <= start <= stop <= end or stop - start != math.prod(shape) * dtype.itemsize:
            raise ValueError("a tensor lies beyond the file")
        places[name] = _Place(dtype=dtype, shape=shape, offset=start)
    return places
