"""A transformer block: attention and an MLP, each with a residual connection."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from fdd.devices import attention
from fdd.models import positions

Rotation = tuple[jax.Array, jax.Array]

ATTENTION = "attention"
"""The collection in which blocks store their attention weights, if it is mutable."""

EPSILON = 1e-5
"""Of all layer norms."""

kernel_init = nn.initializers.xavier_uniform()


def quick_gelu(x: jax.Array) -> jax.Array:
    """x · sigmoid(1.702 x): OpenAI's CLIP's approximation of GELU (Hendrycks and Gimpel, 2016)."""
    return x * nn.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "quick_gelu": quick_gelu,
    "gelu": functools.partial(nn.gelu, approximate=False),
}


class Block(nn.Module):
    """A block with layer norms before attention and before the MLP, and residual connections.

    Attributes:
        num_heads: Number of attention heads.
        mlp_features: Size of the MLP's hidden layer.
        activation: One of `ACTIVATIONS`.
        key_bias: Whether keys have a bias.
        layer_scale: Whether residual branches are scaled by a learned factor per feature.
        only: Number of first tokens to return; 0: all. They attend to all tokens.
        dtype: Type of the computation.

    References:
        Xiong et al., On Layer Normalization in the Transformer Architecture, ICML 2020. Layer
        scale: Touvron et al., Going Deeper with Image Transformers, ICCV 2021.
    """

    num_heads: int
    mlp_features: int
    activation: str
    key_bias: bool = True
    layer_scale: bool = False
    only: int = 0
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, tokens: jax.Array, rotation: Rotation | None = None) -> jax.Array:
        """Maps tokens [b, n, c] to [b, n, c], or [b, only, c].

        Args:
            tokens: The tokens.
            rotation: See `positions.rotation`; None: queries and keys are not rotated.
        """
        size = tokens.shape[-1]
        dense = functools.partial(nn.Dense, dtype=self.dtype, kernel_init=kernel_init)
        seen = layer_norm(self.dtype, "norm1")(tokens)
        tokens = tokens[:, : self.only or None]
        query = dense(size, name="query")(seen[:, : self.only or None])
        key = dense(size, use_bias=self.key_bias, name="key")(seen)
        value = dense(size, name="value")(seen)
        query, key, value = (self._heads(array) for array in (query, key, value))
        if rotation:
            cosines, sines = (jnp.asarray(array, self.dtype) for array in rotation)
            key = positions.rotate(key, cosines, sines)
            count = query.shape[1]
            query = positions.rotate(query, cosines[:count], sines[:count])
        if self.is_mutable_collection(ATTENTION) and not self.is_initializing():
            self.sow(ATTENTION, "weights", attention.weights(query, key))
        mixed = attention.attend(query, key, value).reshape(tokens.shape)
        tokens = tokens + self._scaled(dense(size, name="out")(mixed), "scale1")
        hidden = dense(self.mlp_features, name="up")(layer_norm(self.dtype, "norm2")(tokens))
        change = dense(size, name="down")(ACTIVATIONS[self.activation](hidden))
        return tokens + self._scaled(change, "scale2")

    def _heads(self, x: jax.Array) -> jax.Array:
        return x.reshape(*x.shape[:-1], self.num_heads, -1)

    def _scaled(self, x: jax.Array, name: str) -> jax.Array:
        if not self.layer_scale:
            return x
        factor = self.param(name, nn.initializers.ones, x.shape[-1:], jnp.float32)
        return x * factor.astype(self.dtype)


def layer_norm(dtype: jnp.dtype, name: str) -> nn.LayerNorm:
    """Layer normalisation (Ba et al., 2016); the variance is computed from centred values."""
    return nn.LayerNorm(epsilon=EPSILON, dtype=dtype, use_fast_variance=False, name=name)
