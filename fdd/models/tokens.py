"""From an image to the first tokens of a vision transformer: patches, positions, and the rest."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fdd.errors import UserError
from fdd.models import positions
from fdd.models.transformer import layer_norm

_small = nn.initializers.normal(0.02)


class Patches(nn.Module):
    """One vector per square patch of an image: a convolution with strides equal to its kernel.

    Attributes:
        features: Size of a vector.
        size: Side of a patch in pixels.
        use_bias: Whether a bias is added.
        dtype: Type of the computation.
    """

    features: int
    size: int
    use_bias: bool
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Maps [b, h, w, 3] to [b, h / size, w / size, features]; the remainder is ignored."""
        size, channels = self.size, images.shape[-1]
        batch, rows, columns = images.shape[0], images.shape[1] // size, images.shape[2] // size
        if not rows or not columns:
            raise UserError(
                f"a vision transformer with patches of {size} pixels cannot see images of "
                f"{images.shape[1]}: raise config.data.image_size"
            )
        kernel = self.param(
            "kernel", nn.initializers.lecun_normal(), (size, size, channels, self.features)
        )
        images = images[:, : rows * size, : columns * size].astype(self.dtype)
        squares = images.reshape(batch, rows, size, columns, size, channels).swapaxes(2, 3)
        flat = squares.reshape(batch, rows, columns, -1)
        patches = flat @ kernel.reshape(-1, self.features).astype(self.dtype)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            patches = patches + bias.astype(self.dtype)
        return patches


class Embedding(nn.Module):
    """The input tokens: a class token, registers, and the patches.

    Attributes:
        features: Size of a token.
        patch_size: Side of a patch in pixels.
        patch_bias: Whether patches have a bias.
        num_registers: Number of registers.
        grid: Side, in patches, of the grid of learned position embeddings; 0: there are none.
        pre_norm: Whether tokens are normalised before the first block.
        dtype: Type of the computation.
    """

    features: int
    patch_size: int
    patch_bias: bool
    num_registers: int
    grid: int
    pre_norm: bool
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Maps images [b, h, w, 3] to tokens [b, 1 + registers + patches, features]."""
        patches = Patches(
            self.features, self.patch_size, self.patch_bias, self.dtype, name="patches"
        )(images)
        batch, rows, columns, _ = patches.shape
        first = self.param("class_token", _small, (self.features,))[None]
        if self.grid:
            known = self.param("positions", _small, (1 + self.grid**2, self.features))
            of_patches = known[1:].reshape(self.grid, self.grid, -1)
            patches += positions.resized(of_patches, rows, columns).astype(self.dtype)
            first = first + known[:1]
        if self.num_registers:
            registers = (self.num_registers, self.features)
            first = jnp.concatenate([first, self.param("registers", _small, registers)])
        first = jnp.broadcast_to(first.astype(self.dtype), (batch, *first.shape))
        tokens = jnp.concatenate([first, patches.reshape(batch, rows * columns, -1)], axis=1)
        return layer_norm(self.dtype, "pre_norm")(tokens) if self.pre_norm else tokens
