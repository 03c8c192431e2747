"""Reading Keras Applications' weights (HDF5)."""

import pathlib
from typing import Any

import numpy as np

from fdd.models.weights import Origin, Tensors, unreadable

ORIGIN = Origin(mean=(123.68, 116.779, 103.939), std=(1.0, 1.0, 1.0))

_MOST_BYTES = 2**31  # Per file; the tensors of a ResNet-152 take 240 MB.
_FIRST = "conv1_conv/kernel"


def read(file: pathlib.Path) -> Tensors:
    """Reads the tensors of a network whose convolutions are followed by batch norms.

    Returns:
        Tensors by layer and kind, such as 'conv1_conv/kernel', without the classifier. The first
        kernel expects RGB, while Keras' expects BGR. Convolutions have no biases: each bias is
        included in the mean of the batch norm that follows.

    Raises:
        UserError: the file cannot be read.
    """
    import h5py

    tensors: dict[str, np.ndarray] = {}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        if item.is_virtual or item.external:
            raise ValueError("it takes tensors from other files")
        if item.nbytes + sum(tensor.nbytes for tensor in tensors.values()) > _MOST_BYTES:
            raise ValueError("its tensors are too large")
        *_, layer, tensor = ("", *name.split("/"))
        key = f"{layer}/{tensor.partition(':')[0]}"
        if key in tensors:
            raise ValueError(f"it holds {key} twice")
        tensors[key] = item[()]

    try:
        with h5py.File(file) as root:
            whole = root.get("model_weights", getlink=True)
            if whole is not None and not isinstance(whole, h5py.HardLink):
                raise ValueError("it takes tensors from other files")
            (root if whole is None else root["model_weights"]).visititems(visit)
    except (OSError, LookupError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(file, "an HDF5", error) from None
    kept = {name: t for name, t in tensors.items() if not name.startswith("predictions/")}
    return _with_rgb_first(_without_biases(kept))


def _without_biases(tensors: Tensors) -> Tensors:
    kept = dict(tensors)
    for name, bias in tensors.items():
        mean = name.replace("_conv/bias", "_bn/moving_mean")
        if mean != name and getattr(kept.get(mean), "shape", None) == bias.shape:
            kept[mean] = np.float32(kept[mean]) - kept.pop(name)
    return kept


def _with_rgb_first(tensors: Tensors) -> Tensors:
    kernel = tensors.get(_FIRST)
    if getattr(kernel, "ndim", 0) != 4:  # It does not fit; the check of shapes reports it.
        return tensors
    return {**tensors, _FIRST: kernel[:, :, ::-1]}
