"""Tensors of a file in the places of an encoder's parameters and statistics: all, or none."""

import contextlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from fdd.errors import UserError, shown
from fdd.models.encoder import Encoder, Path, StoredAs
from fdd.models.weights import Tensors

PyTree = Any


def fill(name: str, encoder: Encoder, variables: PyTree, tensors: Tensors, layout: str) -> PyTree:
    """Returns the encoder's variables with a file's tensors in their places.

    Args:
        name: Of the file, for messages.
        encoder: The encoder.
        variables: Its {'params', 'batch_stats'}, NumPy arrays.
        tensors: By their names in the file.
        layout: How it names them, see `Encoder.layouts`.

    Raises:
        UserError: they do not fit; the line lists what does not.
    """
    if layout not in encoder.layouts:
        raise UserError(
            f"config.model.pretrained={name} names its tensors as '{layout}' does, from which "
            f"{type(encoder).__name__} cannot be filled (known: "
            f"{', '.join(encoder.layouts) or 'none'})"
        )
    wanted: dict[str, tuple[Path, StoredAs]] = {}
    filled = jax.tree.map(np.array, variables)
    for group in ("params", "batch_stats"):
        for keys, _ in jax.tree.leaves_with_path(filled.get(group, {})):
            path = tuple(key.key for key in keys)
            stored = encoder.stored_as(layout, path)
            wanted[stored.name] = ((group, *path), stored)
    problems = [f"{key} is missing" for key in wanted if key not in tensors]
    problems += [f"{shown(key)} has no place" for key in tensors if key not in wanted]
    for key in (name for name in wanted if name in tensors):
        (*above, last), stored = wanted[key]
        place = filled
        for each in above:
            place = place[each]
        found = _fitted(tensors[key], stored, place[last].shape)
        if isinstance(found, str):
            problems.append(f"{key} {found}")
        else:
            place[last] = found
    refuse(name, problems)
    return filled


def refuse(name: str, problems: Sequence[str]) -> None:
    """Refuses weights.

    Raises:
        UserError: there are problems; the line lists some.
    """
    if problems:
        some = "; ".join(problems[:5]) + (
            f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        )
        raise UserError(
            f"config.model.pretrained={name} does not fit config.model, and nothing was loaded: "
            f"{some}"
        )


def _fitted(tensor: np.ndarray, stored: StoredAs, shape: tuple[int, ...]) -> np.ndarray | str:
    """The tensor as float32 with our axes, or what is wrong with it."""
    try:
        with contextlib.suppress(ValueError):  # Its shape is shown below as it is.
            tensor = stored.ours(tensor)
        tensor = tensor.astype(np.float32)
    except (ValueError, TypeError, AttributeError):
        return "is no array of numbers"
    if not np.isfinite(tensor).all():
        return "holds values that are not finite"
    if tensor.shape != shape:
        return f"is {tensor.shape}, not {shape}"
    return tensor
