"""A detector's parameters with PyTorch's names and axes; the encoder's are torchvision's."""

import re
from typing import Any

import jax
import numpy as np

PyTree = Any

_TENSORS = {"kernel": "weight", "scale": "weight", "bias": "bias"}
_STATISTICS = {"mean": "running_mean", "var": "running_var"}
_GATES = ("i", "f", "g", "o")


def encoder_name(path: tuple[str, ...]) -> str:
    """('layer1_0', 'downsample_bn', 'mean') to 'layer1.0.downsample.1.running_mean'."""
    *layers, tensor = path
    layers = [re.sub(r"^layer(\d)_(\d+)$", r"layer\1.\2", layer) for layer in layers]
    layers = [
        {"downsample_conv": "downsample.0", "downsample_bn": "downsample.1"}.get(layer, layer)
        for layer in layers
    ]
    return ".".join([*layers, (_TENSORS | _STATISTICS)[tensor]])


def to_torch(variables: PyTree) -> dict[str, np.ndarray]:
    """Returns the tensors that PyTorch's modules would hold.

    Args:
        variables: {'params', 'batch_stats'} of a `fdd.models.resnet_lstm.ResNetLSTM`, NumPy arrays.

    Returns:
        The encoder's as in `torchvision.models.resnet50` without `fc`; 'lstm.…' as in
        `torch.nn.LSTM` of one layer, if there is an LSTM; 'head.weight' [1, n] and 'head.bias'
        [1] as in `torch.nn.Linear`.
    """
    tensors = {}
    for group in ("params", "batch_stats"):
        encoder = variables[group]["frame_features"]["encoder"]
        for path, leaf in jax.tree.leaves_with_path(encoder):
            name = encoder_name(tuple(key.key for key in path))
            tensors[name] = leaf.transpose(3, 2, 0, 1) if leaf.ndim == 4 else leaf
    params = variables["params"]
    if "lstm_cell" in params:
        tensors |= _lstm(params["lstm_cell"])
    tensors["head.weight"] = params["head"]["kernel"].T
    tensors["head.bias"] = params["head"]["bias"]
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def _lstm(cell: PyTree) -> dict[str, np.ndarray]:
    """Flax keeps a kernel per gate and one bias; PyTorch the gates below each other and two."""
    bias = np.concatenate([cell[f"h{gate}"]["bias"] for gate in _GATES])
    return {
        "lstm.weight_ih_l0": np.concatenate([cell[f"i{gate}"]["kernel"].T for gate in _GATES]),
        "lstm.weight_hh_l0": np.concatenate([cell[f"h{gate}"]["kernel"].T for gate in _GATES]),
        "lstm.bias_ih_l0": np.zeros_like(bias),
        "lstm.bias_hh_l0": bias,
    }
