"""Moving a picture: where each pixel is taken from, and taking it there.

A field says for each pixel of the result which point of the picture it shows, as (x, y) in pixels,
float [..., h, w, 2].
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from fdd.training.blending.draws import Draws
from fdd.training.blending.face import Axes

_ELASTIC_CELLS = 5


def grid(height: int, width: int, dtype: jnp.dtype) -> jax.Array:
    """The field that changes nothing, [h, w, 2]."""
    y, x = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
    return jnp.stack([x, y], axis=-1).astype(dtype)


def sample(image: jax.Array, field: jax.Array) -> jax.Array:
    """The picture at a field's points, bilinear; beyond its border, its border.

    `jax.scipy.ndimage.map_coordinates` gives the same values, fifteen times as slowly on a CPU at
    224 pixels, since it takes channel after channel.

    Args:
        image: float [h, w, c].
        field: float [h', w', 2].

    Returns:
        float [h', w', c].
    """
    height, width, channels = image.shape
    x = jnp.clip(field[..., 0], 0, width - 1)
    y = jnp.clip(field[..., 1], 0, height - 1)
    left = jnp.clip(jnp.floor(x), 0, max(width - 2, 0))
    top = jnp.clip(jnp.floor(y), 0, max(height - 2, 0))
    to_right, down = (x - left)[..., None], (y - top)[..., None]
    first = (top * width + left).astype(jnp.int32).reshape(-1)
    rows = image.reshape(-1, channels)

    def corner(offset: int) -> jax.Array:
        return rows[first + offset].reshape(*field.shape[:-1], channels)

    right, below = min(1, width - 1), width * min(1, height - 1)
    upper = corner(0) * (1 - to_right) + corner(right) * to_right
    lower = corner(below) * (1 - to_right) + corner(below + right) * to_right
    return upper * (1 - down) + lower * down


def moved(
    points: jax.Array, centre: jax.Array, scale: jax.Array, shift: jax.Array, angle: jax.Array = 0.0
) -> jax.Array:
    """Points of a field that show the picture enlarged, turned and shifted.

    Args:
        points: float [..., 2].
        centre: (x, y) of what stays in its place but for the shift, [2].
        scale: How much larger the picture gets.
        shift: How far it goes right and down in pixels, [2].
        angle: How far it turns, in radians, from the x axis towards the y axis.

    Returns:
        float [..., 2].
    """
    x, y = jnp.moveaxis(points - centre - shift, -1, 0)
    cos, sin = jnp.cos(angle) / scale, jnp.sin(angle) / scale
    return centre + jnp.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)


def elastic(draws: Draws, height: int, width: int, dtype: jnp.dtype) -> jax.Array:
    """A smooth random displacement of root mean square about 1, [h, w, 2].

    Normal draws on a coarse grid, between which it is cubic (Simard, Steinkraus and Platt, Best
    practices for convolutional neural networks, ICDAR 2003, blur draws for each pixel instead).
    """
    coarse = draws.normal((_ELASTIC_CELLS, _ELASTIC_CELLS, 2)).astype(dtype)
    return jax.image.resize(coarse, (height, width, 2), "cubic")


def similarity(source: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The turn, scale and shift that carry points onto others with the least squared error.

    Args:
        source: float [n, 2].
        target: float [n, 2].

    Returns:
        Matrix [2, 2] and shift [2]: target is about source @ matrix.T + shift.

    References:
        Umeyama, Least-squares estimation of transformation parameters, PAMI 1991; in the plane and
        without mirroring, it is a division of complex numbers.
    """
    from_middle, to_middle = source.mean(axis=0), target.mean(axis=0)
    a, b = source - from_middle, target - to_middle
    size = jnp.maximum(jnp.sum(a**2), 1e-6)
    cos = jnp.sum(a * b) / size
    sin = jnp.sum(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / size
    matrix = jnp.array([[cos, -sin], [sin, cos]])
    return matrix, to_middle - matrix @ from_middle


ORGANS: Mapping[str, tuple[tuple[int, ...], float]] = {
    "first eye": ((0,), 0.32),
    "second eye": ((1,), 0.32),
    "nose": ((2,), 0.28),
    "mouth": ((3, 4), 0.4),
}
"""Parts of a face: the landmarks between which each lies, and its reach in units of the face."""


def drift(
    draws: Draws,
    landmarks: jax.Array,
    axes: Axes,
    *,
    height: int,
    width: int,
    angle: jax.Array,
    scale: jax.Array,
    shift: jax.Array,
) -> jax.Array:
    """How far the parts of faces are displaced, in each frame by itself.

    Each part turns, grows and shifts about its middle, by draws that know nothing of the frames
    beside it; what lies around it follows less and less.

    Args:
        draws: Where they come from.
        landmarks: float [t, 5, 2].
        axes: Of the faces, [t].
        height: Of the frames, in pixels.
        width: Of the frames, in pixels.
        angle: The largest turn in radians.
        scale: The largest relative growth.
        shift: The largest shift in pixels.

    Returns:
        What to add to the field, [t, h, w, 2].

    References:
        Yan et al., Generalizing Deepfake Video Detection with Plug-and-Play: Video-Level Blending
        and Spatiotemporal Adapter Tuning, CVPR 2025.
    """
    frames, dtype = landmarks.shape[0], landmarks.dtype
    total = jnp.zeros((frames, height, width, 2), dtype)
    for marks, reach in ORGANS.values():
        turn, grow, *shifts = draws.uniform(-1, 1, (4, frames, 1, 1)).astype(dtype)
        centre = landmarks[:, list(marks)].mean(axis=1)
        x = jnp.arange(width, dtype=dtype) - centre[:, 0, None]
        y = jnp.arange(height, dtype=dtype) - centre[:, 1, None]
        weight_x, weight_y = (jnp.exp(-((d / (reach * axes.unit[:, None])) ** 2)) for d in (x, y))
        x, y = x[:, None, :], y[:, :, None]
        cos, sin = jnp.cos(turn * angle) / (1 + grow * scale), jnp.sin(turn * angle)
        sin /= 1 + grow * scale
        # Where `moved` would take a point from, less the point; the shift is not turned.
        to = [(cos - 1) * x + sin * y, (cos - 1) * y - sin * x]
        to = [part - shift * drawn for part, drawn in zip(to, shifts, strict=True)]
        weight = (weight_y[:, :, None] * weight_x[:, None, :])[..., None]
        total += weight * jnp.stack(to, axis=-1)
    return total
