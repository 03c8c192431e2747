"""Temporal heads: the features of a clip's frames become one vector."""

from typing import Any, ClassVar

import flax.linen as nn
import jax
import numpy as np

PyTree = Any


class TemporalHead(nn.Module):
    """Sees the features of a clip's frames in order: the base class of all temporal heads.

    A subclass defines `__call__`; everything else has a default. Its fields are filled from
    `config.model`, by name.

    Attributes:
        place: The name of its parameters within the detector's.
        title: Its name in the diagram of the layers.
    """

    place: ClassVar[str] = "temporal"
    title: ClassVar[str] = "Temporal head"

    def __call__(self, features: jax.Array) -> jax.Array:
        """Maps features of frames, float [b, t, c], to a vector per clip, [b, c']."""
        raise NotImplementedError

    @nn.nowrap
    def redraw(self, key: jax.Array, params: PyTree) -> PyTree:
        """Draws its parameters again if Flax's initialisers are not enough; a pure function."""
        return params

    @nn.nowrap
    def penalised(self, params: PyTree) -> list[jax.Array]:
        """Its parameters whose squares `config.l2_lstm_kernel` adds to the loss."""
        return []

    @nn.nowrap
    def to_torch(self, params: PyTree) -> dict[str, np.ndarray]:
        """Its parameters with the names and axes of PyTorch's modules; by default unchanged."""
        leaves = jax.tree.leaves_with_path(params)
        return {
            f"{self.place}.{jax.tree_util.keystr(path, simple=True, separator='.')}": leaf
            for path, leaf in leaves
        }


class Mean(TemporalHead):
    """The mean of the frames' features, which ignores their order: a control without time."""

    title: ClassVar[str] = "Mean over frames"

    def __call__(self, features: jax.Array) -> jax.Array:
        """Maps float [b, t, c] to [b, c]."""
        return features.mean(axis=1)
