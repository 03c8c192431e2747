"""Filling an encoder's parameters and statistics from a file's tensors: all of them, or none."""

import contextlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from fdd.errors import UserError, shown
from fdd.models.encoder import Encoder, StoredAs
from fdd.models.weights import Tensors

PyTree = Any


def fill(name: str, encoder: Encoder, variables: PyTree, tensors: Tensors, layout: str) -> PyTree:
    """Returns a file's tensors in the places of the encoder's variables.

    What is float32 in the file is not copied.

    Args:
        name: The file's name, for messages.
        encoder: The encoder.
        variables: Its {'params', 'batch_stats'}, of which the shapes are asked for.
        tensors: By their names in the file.
        layout: The naming of the file's tensors, see `Encoder.layouts`.

    Raises:
        UserError: the tensors do not fit; the message lists which.
    """
    if layout not in encoder.layouts:
        raise UserError(
            f"{name} uses the '{layout}' names of tensors, from which "
            f"{type(encoder).__name__} cannot be filled (known: "
            f"{', '.join(encoder.layouts) or 'none'})"
        )
    leaves, structure = jax.tree.flatten_with_path(variables)
    wanted = {}
    for (group, *keys), leaf in leaves:
        stored = encoder.stored_as(layout, tuple(key.key for key in keys))
        wanted[stored.name] = (stored, leaf.shape, group.key)
    names: dict[str, list[str]] = {}  # In the file, by those that `stored_as` gives.
    for key in tensors:
        if (ours := encoder.name_in(layout, key)) is not None:
            names.setdefault(ours, []).append(key)
    params_first = sorted(wanted, key=lambda key: wanted[key][2] != "params")
    problems = [f"{key} is missing" for key in params_first if key not in names]
    problems += [f"{shown(key)} is there twice" for key, found in names.items() if len(found) > 1]
    problems += [
        f"{shown(found[0])} has no place" for key, found in names.items() if key not in wanted
    ]
    refuse(name, problems)
    fitted = {key: _fitted(tensors[names[key][0]], *wanted[key][:2]) for key in wanted}
    refuse(name, [f"{key} {found}" for key, found in fitted.items() if isinstance(found, str)])
    _say_if_in_half_precision(name, [tensors[names[key][0]].dtype for key in wanted])
    return jax.tree.unflatten(structure, fitted.values())


def _say_if_in_half_precision(name: str, types: Sequence[np.dtype]) -> None:
    if half := sum(dtype.itemsize < 4 for dtype in types):
        print(f"{name}: {half} of {len(types)} tensors are in half precision; read as float32.")


def refuse(name: str, problems: Sequence[str]) -> None:
    """Refuses weights if there are problems.

    Raises:
        UserError: there are problems; the message lists some.
    """
    if problems:
        some = "; ".join(problems[:5]) + (
            f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        )
        raise UserError(f"{name} does not fit the network, and nothing was loaded: {some}")


def _fitted(tensor: np.ndarray, stored: StoredAs, shape: tuple[int, ...]) -> np.ndarray | str:
    """The tensor as float32 with our axes, or a description of what is wrong."""
    try:
        with contextlib.suppress(ValueError):  # Its shape is shown below as it is.
            tensor = stored.ours(tensor)
        tensor = tensor.astype(np.float32, copy=False)
    except (ValueError, TypeError, AttributeError):
        return "is not an array of numbers"
    if not np.isfinite(tensor).all():
        return "holds values that are not finite"
    if tensor.shape != shape:
        return f"is {tensor.shape}, not {shape}"
    return tensor
