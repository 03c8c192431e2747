"""Attention, in the fastest form for each kind of processor."""

import jax
import jax.numpy as jnp

from fdd.devices import runtime

_CUDNN_HEADS = 128  # cuDNN's kernel supports heads of up to this size, in multiples of 8.


def attend(queries: jax.Array, keys: jax.Array, values: jax.Array) -> jax.Array:
    """Scaled dot-product attention, without a mask.

    In half precision on an NVIDIA GPU, cuDNN's fused kernel computes it without writing the matrix
    of attention weights to memory. In float64 it is written out here, since JAX's function computes
    the softmax in float32 all the same.

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
        return of_even_length("cudnn", *arrays)

    if queries.dtype == jnp.float64:
        return jnp.einsum("bhnm,bmhc->bnhc", _weights(queries, keys), values)
    size = queries.shape[-1]
    half = queries.dtype in (jnp.bfloat16, jnp.float16)
    if not (half and size % 8 == 0 and size <= _CUDNN_HEADS and runtime.on_nvidia()):
        return plain(queries, keys, values)
    return jax.lax.platform_dependent(queries, keys, values, cuda=fused, default=plain)


def of_even_length(
    implementation: str, queries: jax.Array, keys: jax.Array, values: jax.Array
) -> jax.Array:
    """Attention with sequences that are padded to an even length, and the padding masked.

    JAX (0.10, 0.11) refuses to train with cuDNN's kernel on sequences of odd length, such as the
    257 tokens of CLIP's ViT-L/14, since it takes a missing bias for one.

    Args:
        implementation: 'cudnn' or 'xla'.
        queries: float [b, n, heads, c].
        keys: float [b, m, heads, c].
        values: float [b, m, heads, c].

    Returns:
        float [b, n, heads, c].
    """
    batch, length, held = len(queries), queries.shape[1], keys.shape[1]
    if length % 2 == 0 and held % 2 == 0:
        return jax.nn.dot_product_attention(queries, keys, values, implementation=implementation)
    padded = (
        jnp.pad(array, ((0, 0), (0, array.shape[1] % 2), (0, 0), (0, 0)))
        for array in (queries, keys, values)
    )
    attended = jax.nn.dot_product_attention(
        *padded,
        query_seq_lengths=jnp.full(batch, length, jnp.int32),
        key_value_seq_lengths=jnp.full(batch, held, jnp.int32),
        implementation=implementation,
    )
    return attended[:, :length]


def weights(queries: jax.Array, keys: jax.Array) -> jax.Array:
    """What `attend` weighs values by, as the mean over heads.

    Args:
        queries: float [b, n, heads, c].
        keys: float [b, m, heads, c].

    Returns:
        float [b, n, m], at least float32; rows sum to 1.
    """
    return _weights(queries, keys).mean(axis=1)


def _weights(queries: jax.Array, keys: jax.Array) -> jax.Array:
    """As `weights`, for each head: [b, heads, n, m]."""
    dtype = jnp.promote_types(queries.dtype, jnp.float32)
    scores = jnp.einsum("bnhc,bmhc->bhnm", queries, keys, preferred_element_type=dtype)
    return jax.nn.softmax(scores / jnp.sqrt(jnp.array(queries.shape[-1], dtype)))
