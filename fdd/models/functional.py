"""Convolution and pooling, in the forms that compilers make the most of."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

_SMALL_MAP = 49  # Positions: 7 × 7.


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    **kwargs: Any,
) -> jax.Array:
    """Convolves as `jax.lax.conv_general_dilated`, for two spatial axes.

    On a CPU, XLA (0.10) computes small maps faster, those of 2×2 a hundred times, as a product
    with a matrix of neighbourhoods; everywhere else that takes nine times the memory for nothing.

    Args:
        x: float [b, h, w, c].
        kernel: float [kh, kw, c, features].
        strides: Of h and w.
        padding: Zeros before and after h and w.
        **kwargs: The rest of `jax.lax.conv_general_dilated`'s arguments.

    Returns:
        float [b, h', w', features].
    """
    size = kernel.shape[:2]
    if size == (1, 1):
        return x[:, :: strides[0], :: strides[1]] @ kernel[0, 0]
    places = [
        (x.shape[axis + 1] + sum(padding[axis]) - size[axis]) // strides[axis] + 1
        for axis in (0, 1)
    ]
    if math.prod(places) > _SMALL_MAP or jax.default_backend() != "cpu":
        return jax.lax.conv_general_dilated(x, kernel, strides, padding, **kwargs)
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    neighbours = [
        x[
            :,
            i : i + strides[0] * (places[0] - 1) + 1 : strides[0],
            j : j + strides[1] * (places[1] - 1) + 1 : strides[1],
        ]
        for i, j in itertools.product(*map(range, size))
    ]
    return jnp.concatenate(neighbours, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])


def max_pool(x: jax.Array) -> jax.Array:
    """Maxima over 3×3 windows at every second position, padded by 1.

    Rows first, then columns: on a CPU, the gradient then takes a fraction of the time that the
    gradient of a maximum over windows takes.

    Args:
        x: float [b, h, w, c], not negative.

    Returns:
        float [b, ceil(h / 2), ceil(w / 2), c].
    """
    return _max_along(_max_along(x, axis=1), axis=2)


def _max_along(x: jax.Array, axis: int) -> jax.Array:
    places = -(-x.shape[axis] // 2)
    x = jnp.pad(x, [(1, 1) if i == axis else (0, 0) for i in range(x.ndim)])
    first, second, third = (
        jax.lax.slice_in_dim(x, start, start + 2 * places - 1, stride=2, axis=axis)
        for start in range(3)
    )
    return jnp.maximum(jnp.maximum(first, second), third)
