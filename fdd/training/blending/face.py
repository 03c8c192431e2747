"""Where a face is, from five landmarks: its own axes, and masks that are drawn along them.

A mask is a function, not an image: how far inside a shape a point lies. It is evaluated where the
picture is sampled, so that it moves and bends with the picture and is never resampled itself.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

LANDMARKS = 5
"""Two eyes, the tip of the nose, two corners of the mouth."""


class Axes(NamedTuple):
    """A face's own axes: the origin between the eyes, the unit their distance.

    Attributes:
        origin: The middle of the eyes, (x, y) in pixels, [..., 2].
        across: From one eye to the other, of length 1, [..., 2].
        down: At right angles to it, towards the mouth, of length 1, [..., 2].
        unit: The distance of the eyes in pixels [...]; where a face is seen from the side, that
            from eyes to mouth, which is about as long in a face seen from the front.
    """

    origin: jax.Array
    across: jax.Array
    down: jax.Array
    unit: jax.Array

    def of(self, points: jax.Array) -> jax.Array:
        """Points (x, y) in pixels, [..., n, 2], in these axes [..., n, 2]."""
        offset = points - self.origin[..., None, :]
        parts = [jnp.sum(offset * axis[..., None, :], axis=-1) for axis in (self.across, self.down)]
        return jnp.stack(parts, axis=-1) / self.unit[..., None, None]

    def pixels(self, points: jax.Array) -> jax.Array:
        """Points in these axes, [..., n, 2], as (x, y) in pixels [..., n, 2]."""
        u, v = points[..., 0:1], points[..., 1:2]
        offset = u * self.across[..., None, :] + v * self.down[..., None, :]
        return self.origin[..., None, :] + offset * self.unit[..., None, None]


def axes(landmarks: jax.Array) -> Axes:
    """The axes of faces.

    Args:
        landmarks: float [..., 5, 2], (x, y) in pixels: both eyes, in either order, the tip of the
            nose, both corners of the mouth.
    """
    first, second = landmarks[..., 0, :], landmarks[..., 1, :]
    origin = (first + second) / 2
    mouth = (landmarks[..., 3, :] + landmarks[..., 4, :]) / 2 - origin
    between = second - first
    height = jnp.linalg.norm(mouth, axis=-1)
    distance = jnp.linalg.norm(between, axis=-1)
    # Seen from the side, the eyes' line is short and says little; the mouth's direction then does.
    turned = jnp.stack([mouth[..., 1], -mouth[..., 0]], axis=-1)
    along = jnp.where((distance > 0.25 * height)[..., None], between, turned)
    across = along / jnp.maximum(jnp.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    normal = jnp.stack([-across[..., 1], across[..., 0]], axis=-1)
    side = jnp.where(jnp.sum(normal * mouth, axis=-1, keepdims=True) < 0, -1.0, 1.0)
    unit = jnp.maximum(jnp.maximum(distance, height), 1.0)
    return Axes(origin, across, side.astype(normal.dtype) * normal, unit)


class Ellipse(NamedTuple):
    """A shape on a face, in its axes: eyes at (-.5, 0) and (.5, 0), mouth at about (0, 1).

    Attributes:
        middle: How far below the eyes its middle is.
        half_width: Half of its width.
        half_height: Half of its height.
    """

    middle: float
    half_width: float
    half_height: float


MASKS = {
    "whole_face": Ellipse(0.5, 1.05, 1.35),
    "inner_face": Ellipse(0.5, 0.85, 0.9),
    "narrow_face": Ellipse(0.55, 0.6, 0.85),
    "lower_face": Ellipse(1.0, 0.8, 0.6),
    "eyes": Ellipse(0.0, 0.9, 0.4),
}
"""The shapes that are blended in."""


def inside(points: jax.Array, shape: jax.Array) -> jax.Array:
    """How deep points lie in an ellipse, in units of the face; below 0 outside.

    It is the distance to the border along the ray from the middle where the ellipse is a circle,
    and close to it elsewhere.

    Args:
        points: float [..., 2], in the face's axes.
        shape: float [3], an `Ellipse`.

    Returns:
        float [...].
    """
    middle, half_width, half_height = shape[0], shape[1], shape[2]
    rings = jnp.sqrt(
        (points[..., 0] / half_width) ** 2 + ((points[..., 1] - middle) / half_height) ** 2
    )
    return (1 - rings) * jnp.minimum(half_width, half_height)


def soft_edge(depth: jax.Array, width: jax.Array, within: jax.Array) -> jax.Array:
    """A mask with a soft border, as a blur would make it.

    Args:
        depth: `inside` a shape.
        width: Of the border, over which the mask goes from 0 to 1, in units of the face; above 0.
        within: bool; the border lies wholly inside of the shape, otherwise half of it does.

    Returns:
        float in 0 to 1, of `depth`'s shape.
    """
    ramp = depth / width + jnp.where(within, 0.0, 0.5).astype(depth.dtype)
    ramp = jnp.clip(ramp, 0, 1)
    return ramp * ramp * (3 - 2 * ramp)
