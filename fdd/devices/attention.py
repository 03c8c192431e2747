"""Attention, in the fastest form for each kind of processor."""

import jax
import jax.numpy as jnp

from fdd.devices import runtime

_CUDNN_HEADS = 128  # cuDNN's kernel supports heads of up to this size, in multiples of 8.


def attend(queries: jax.Array, keys: jax.Array, values: jax.Array) -> jax.Array:
    """Scaled dot-product attention, without a mask.

    In half precision on an NVIDIA GPU, cuDNN's fused kernel computes it without writing the matrix
    of attention weights to memory.

    Args:
        queries: float [b, n, heads, c].
        keys: float [b, m, heads, c].
        values: float [b, m, heads, c].

    Returns:
        float [b, n, heads, c].

    References:
        Vaswani et al., Attention Is All You Need, NeurIPS 2017. Dao et al., FlashAttention, NeurIPS
        2022.
    """

    def plain(*arrays: jax.Array) -> jax.Array:
        return jax.nn.dot_product_attention(*arrays, implementation="xla")

    def fused(*arrays: jax.Array) -> jax.Array:
        return jax.nn.dot_product_attention(*arrays, implementation="cudnn")

    size = queries.shape[-1]
    half = queries.dtype in (jnp.bfloat16, jnp.float16)
    if not (half and size % 8 == 0 and size <= _CUDNN_HEADS and runtime.on_nvidia()):
        return plain(queries, keys, values)
    return jax.lax.platform_dependent(queries, keys, values, cuda=fused, default=plain)
