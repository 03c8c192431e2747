"""What follows the encoder: the features of a clip's frames become one vector."""

from typing import Any, ClassVar

import flax.linen as nn
import jax
import numpy as np

PyTree = Any


class TemporalHead(nn.Module):
    """Sees the features of a clip's frames in their order: the base class of all temporal heads.

    A subclass defines `__call__`; what else is here has a default. Its fields are filled from
    `config.model`, by name.

    Attributes:
        place: Under which name its parameters lie in the detector's.
        title: What the diagram of the layers calls it.
    """

    place: ClassVar[str] = "temporal"
    title: ClassVar[str] = "Temporal head"

    def __call__(self, features: jax.Array) -> jax.Array:
        """Maps features of frames, float [b, t, c], to a vector per clip, [b, c']."""
        raise NotImplementedError

    @nn.nowrap
    def redraw(self, key: jax.Array, params: PyTree) -> PyTree:
        """Draws its parameters anew, where Flax's initialisers do not say how; a pure function."""
        return params

    @nn.nowrap
    def penalised(self, params: PyTree) -> list[jax.Array]:
        """Those of its parameters whose squares `config.l2_lstm_kernel` adds to the loss."""
        return []

    @nn.nowrap
    def to_torch(self, params: PyTree) -> dict[str, np.ndarray]:
        """Its parameters with the names and axes of PyTorch's modules; here: as they are."""
        leaves = jax.tree.leaves_with_path(params)
        return {
            f"{self.place}.{jax.tree_util.keystr(path, simple=True, separator='.')}": leaf
            for path, leaf in leaves
        }


class Mean(TemporalHead):
    """The mean of the frames' features, blind to order: a control that shows what time adds."""

    title: ClassVar[str] = "Mean over frames"

    def __call__(self, features: jax.Array) -> jax.Array:
        """Maps float [b, t, c] to [b, c]."""
        return features.mean(axis=1)
