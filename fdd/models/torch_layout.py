"""A detector's parameters with PyTorch's names and axes."""

from typing import Any

import jax
import numpy as np

from fdd.models.clip_classifier import ClipClassifier

PyTree = Any


def to_torch(model: ClipClassifier, variables: PyTree) -> dict[str, np.ndarray]:
    """Returns the tensors as PyTorch's modules would store them.

    Args:
        model: The detector.
        variables: {'params', 'batch_stats'}, NumPy arrays.

    Returns:
        The encoder's tensors under the names of its `stored_as` for 'torch', without classifier;
        without such names, 'encoder.' and their paths. The temporal head's from its `to_torch`.
        'head.weight' [1, n] and 'head.bias' [1] as in `torch.nn.Linear`.
    """
    encoder, head, params = model.encoder, model.make_temporal(), variables["params"]
    tensors = {}
    for group in model.encoder_variables(variables).values():
        for keys, leaf in jax.tree.leaves_with_path(group):
            path = tuple(key.key for key in keys)
            if "torch" not in encoder.layouts:
                tensors[".".join(("encoder", *path))] = leaf
                continue
            stored = encoder.stored_as("torch", path)
            tensors[stored.name] = stored.theirs(leaf)
    if head.place in params:
        tensors |= head.to_torch(params[head.place])
    tensors["head.weight"] = params["head"]["kernel"].T
    tensors["head.bias"] = params["head"]["bias"]
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
