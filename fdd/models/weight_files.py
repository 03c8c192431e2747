"""Reading the tensors of somebody else's file, whatever is in it.

Nothing in a file is run, no other file that it names is opened, and what it says of sizes is not
believed.
"""

import json
import pathlib
import re
from typing import Any

import numpy as np

from fdd.errors import UserError, first_line

Tensors = dict[str, np.ndarray]

_MOST_BYTES = 2**31  # Of a file's tensors; those of a ResNet-152 take 240 MB.


def exported_model(file: pathlib.Path) -> dict[str, Any] | None:
    """The config.model that `fdd.export` wrote into a file's header; None for other files.

    Returns:
        'mean' and 'std', three numbers each, and 'version'.

    Raises:
        UserError: the file cannot be read, or that is damaged.
    """
    import safetensors

    try:
        with safetensors.safe_open(file, "numpy") as opened:
            metadata = opened.metadata() or {}
    except (OSError, safetensors.SafetensorError) as error:
        raise _unreadable(file, "a safetensors", error) from None
    if "fdd_config" not in metadata:
        return None
    try:
        model = json.loads(metadata["fdd_config"])["model"]
        mean, std = ([float(value) for value in model[key]] for key in ("mean", "std"))
        if not len(mean) == len(std) == 3 or not np.isfinite(mean + std).all() or min(std) <= 0:
            raise ValueError
        return {"mean": mean, "std": std, "version": str(model["version"])}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise UserError(
            f"config.model.pretrained={file}: what its header says of the run is damaged"
        ) from None


def read_keras(file: pathlib.Path) -> Tensors:
    """Reads Keras' HDF5.

    Returns:
        Layer and kind of tensor, such as 'conv1_conv/kernel', to tensor; without the classifier.

    Raises:
        UserError: it cannot be read.
    """
    import h5py

    tensors: Tensors = {}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        if item.is_virtual or item.external:
            raise ValueError("it takes tensors from other files")
        if item.nbytes + sum(tensor.nbytes for tensor in tensors.values()) > _MOST_BYTES:
            raise ValueError("its tensors are too large")
        *_, layer, tensor = ("", *name.split("/"))
        tensors[f"{layer}/{tensor.partition(':')[0]}"] = item[()]

    try:
        with h5py.File(file) as root:
            whole = root.get("model_weights", getlink=True)
            if whole is not None and not isinstance(whole, h5py.HardLink):
                raise ValueError("it takes tensors from other files")
            (root if whole is None else root["model_weights"]).visititems(visit)
    except (OSError, LookupError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(file, "an HDF5", error) from None
    return {name: t for name, t in tensors.items() if not name.startswith("predictions/")}


def read_safetensors(file: pathlib.Path) -> Tensors:
    """Reads tensors by their names; without classifier, LSTM and head.

    Raises:
        UserError: it cannot be read.
    """
    import safetensors
    import safetensors.numpy

    try:
        tensors = safetensors.numpy.load_file(file)
    except (OSError, safetensors.SafetensorError, TypeError, AttributeError) as error:
        raise _unreadable(file, "a safetensors", error) from None
    ignored = re.compile(r"fc\.|lstm\.|head\.|.*num_batches_tracked$")
    return {name: tensor for name, tensor in tensors.items() if not ignored.match(name)}


def _unreadable(file: pathlib.Path, kind: str, error: Exception) -> UserError:
    if not file.exists():
        return UserError(f"config.model.pretrained={file}: there is no such file")
    return UserError(
        f"config.model.pretrained={file} is not {kind} file that can be read ({first_line(error)})"
    )
