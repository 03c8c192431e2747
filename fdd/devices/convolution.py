"""Convolution and pooling, in the forms that are fastest on each kind of processor."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

_SMALL_MAP = 49  # Positions: 7 × 7.
_NUMBERS = 2**21  # In the neighbourhoods of one part of the batch; eight megabytes.

Convolution = Callable[[jax.Array, jax.Array], jax.Array]


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    *,
    lhs_dilation: Sequence[int] = (1, 1),
    rhs_dilation: Sequence[int] = (1, 1),
    feature_group_count: int = 1,
    **kwargs: Any,
) -> jax.Array:
    """Convolves as `jax.lax.conv_general_dilated`, for two spatial axes.

    On a CPU, XLA (0.10) computes some convolutions, and most gradients of kernels, far below the
    speed of a matrix product. So convolutions of small maps become a product with a matrix of
    neighbourhoods, which takes nine times the memory. The kernels' gradients of large maps become
    such products too, for a part of the batch at a time. Dilated and grouped convolutions are left
    to XLA.

    Args:
        x: float [b, h, w, c].
        kernel: float [kh, kw, c, features]; with groups, c is divided by `feature_group_count`.
        strides: Along h and w.
        padding: Zeros before and after h and w, or a name that `jax.lax` knows.
        lhs_dilation: Dilation of x.
        rhs_dilation: Dilation of the kernel.
        feature_group_count: Number of groups.
        **kwargs: Other arguments of `jax.lax.conv_general_dilated`; the layout must be NHWC, HWIO.

    Returns:
        float [b, h', w', features].
    """
    plain = feature_group_count == 1 and {*lhs_dilation, *rhs_dilation} == {1}
    if isinstance(padding, str) and plain:
        padding = jax.lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    pointwise = plain and kernel.shape[:2] == (1, 1) and not any(map(any, padding))

    def elsewhere(x: jax.Array, kernel: jax.Array) -> jax.Array:
        if pointwise:
            return x[:, :: strides[0], :: strides[1]] @ kernel[0, 0]
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            strides,
            padding,
            lhs_dilation=lhs_dilation,
            rhs_dilation=rhs_dilation,
            feature_group_count=feature_group_count,
            **{"dimension_numbers": ("NHWC", "HWIO", "NHWC"), **kwargs},
        )

    if not plain:
        return elsewhere(x, kernel)
    on_cpu = functools.partial(_on_cpu, strides=tuple(strides), padding=tuple(padding))
    return jax.lax.platform_dependent(x, kernel, cpu=on_cpu, default=elsewhere)


def _on_cpu(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, int],
    padding: tuple[tuple[int, int], ...],
) -> jax.Array:
    """See `convolve`."""
    pointwise = kernel.shape[:2] == (1, 1) and not any(map(any, padding))
    places = _places(x, kernel, strides, padding)
    if not pointwise and math.prod(places) > _SMALL_MAP:
        return _large_maps(strides, padding)(x, kernel)
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    columns = _neighbourhoods(x, kernel.shape[:2], strides, axes=(1, 2), onto=3)
    rows = columns.reshape(-1, columns.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return rows.reshape(-1, *places, rows.shape[-1])


def convolve_mapped(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    **kwargs: Any,
) -> jax.Array:
    """`convolve` inside a `jax.vmap` over `x`; the mapped axis joins the batch.

    So the gradient of the kernel is summed over both at once. Outside of a `vmap` it has no
    gradient: this is a limit of `jax.custom_batching.custom_vmap`.

    Raises:
        NotImplementedError: the kernel is mapped as well.
    """

    @jax.custom_batching.custom_vmap
    def mapped(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolve(x, kernel, strides, padding, **kwargs)

    @mapped.def_vmap
    def _(
        size: int, is_mapped: Sequence[bool], x: jax.Array, kernel: jax.Array
    ) -> tuple[jax.Array, bool]:
        if is_mapped[1]:
            raise NotImplementedError("one kernel for each entry of a mapped axis")
        y = convolve(x.reshape(-1, *x.shape[2:]), kernel, strides, padding, **kwargs)
        return y.reshape(size, -1, *y.shape[1:]), True

    return mapped(x, kernel)


@functools.cache
def _large_maps(strides: tuple[int, int], padding: tuple[tuple[int, int], ...]) -> Convolution:
    """XLA's convolution, with the gradient of the kernel summed over parts of the batch."""

    def forward(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(
            x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def backward(saved: tuple[jax.Array, jax.Array], change: jax.Array) -> tuple[jax.Array, ...]:
        x, kernel = saved
        (of_x,) = jax.vjp(lambda x: forward(x, kernel), x)[1](change)

        def product(planes: jax.Array, change: jax.Array) -> jax.Array:
            planes = planes.swapaxes(0, 1)  # [c, b, h, w]
            rows = _neighbourhoods(planes, kernel.shape[:2], strides, axes=(2, 3), onto=0)
            change = change.reshape(-1, change.shape[-1])
            return rows.reshape(-1, len(change)) @ change

        # Channels before positions, so that neighbours are copied in whole lines.
        planes = jnp.pad(x.transpose(0, 3, 1, 2), ((0, 0), (0, 0), *padding))
        numbers = math.prod(change.shape[1:3]) * math.prod(kernel.shape[:-1])
        most = max(1, _NUMBERS // numbers)
        return of_x, _sum_of_parts(product, planes, change, most).reshape(kernel.shape)

    convolve = jax.custom_vjp(forward)
    convolve.defvjp(lambda x, kernel: (forward(x, kernel), (x, kernel)), backward)
    return convolve


def _sum_of_parts(
    product: Callable[[jax.Array, jax.Array], jax.Array], x: jax.Array, y: jax.Array, most: int
) -> jax.Array:
    """Sums `product` over equal parts of the first axis, of at most `most` if that divides it.

    The sum is computed in at least float32 and returned in the type of `x`.
    """
    dtype = jnp.promote_types(x.dtype, jnp.float32)
    sizes = range(max(1, min(most, len(x) // 2)), most // 8, -1)
    size = next((size for size in sizes if len(x) % size == 0), len(x))

    def add(number: jax.Array, total: jax.Array) -> jax.Array:
        parts = (jax.lax.dynamic_slice_in_dim(array, number * size, size) for array in (x, y))
        return total + product(*parts).astype(dtype)

    zeros = jnp.zeros(jax.eval_shape(product, x[:size], y[:size]).shape, dtype)
    return jax.lax.fori_loop(0, len(x) // size, add, zeros).astype(x.dtype)


def _places(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: Sequence[tuple[int, int]]
) -> tuple[int, ...]:
    """Height and width of a convolution's result."""
    return tuple(
        (x.shape[axis + 1] + sum(padding[axis]) - kernel.shape[axis]) // strides[axis] + 1
        for axis in (0, 1)
    )


def _neighbourhoods(
    x: jax.Array, sizes: Sequence[int], strides: Sequence[int], *, axes: Sequence[int], onto: int
) -> jax.Array:
    """What a kernel of these sizes sees at each position along `axes`, joined along `onto`."""
    for axis, size, stride in zip(axes[::-1], sizes[::-1], strides[::-1], strict=True):
        end = stride * ((x.shape[axis] - size) // stride) + 1
        seen = [jax.lax.slice_in_dim(x, i, i + end, stride, axis) for i in range(size)]
        x = jnp.concatenate(seen, axis=onto)
    return x


def max_pool(x: jax.Array) -> jax.Array:
    """Maxima over 3×3 windows at every second position, padded by 1.

    Rows come first, then columns: on a CPU, the gradient is then much faster than that of a maximum
    over windows.

    Args:
        x: float [b, h, w, c], non-negative.

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
