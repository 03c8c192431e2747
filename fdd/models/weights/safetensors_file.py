"""Weights with the names of PyTorch's modules, safetensors."""

import json
import pathlib
import re

import numpy as np

from fdd.errors import UserError
from fdd.models.weights import Origin, Tensors, unreadable


def origin(file: pathlib.Path) -> Origin:
    """What `fdd.export` wrote into a file's header; of other files, nothing is known.

    Raises:
        UserError: the file cannot be read, or that is damaged.
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
        if not len(mean) == len(std) == 3 or not np.isfinite(mean + std).all() or min(std) <= 0:
            raise ValueError
        return Origin(str(model["version"]), mean, std)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise UserError(
            f"config.model.pretrained={file}: what its header says of the run is damaged"
        ) from None


def read(file: pathlib.Path) -> Tensors:
    """Reads tensors by their names; without classifier, LSTM and head.

    Raises:
        UserError: it cannot be read.
    """
    import safetensors
    import safetensors.numpy

    try:
        tensors = safetensors.numpy.load_file(file)
    except (OSError, safetensors.SafetensorError, TypeError, AttributeError) as error:
        raise unreadable(file, "a safetensors", error) from None
    ignored = re.compile(r"fc\.|lstm\.|head\.|.*num_batches_tracked$")
    return {name: tensor for name, tensor in tensors.items() if not ignored.match(name)}
