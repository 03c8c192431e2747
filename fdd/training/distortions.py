"""Changes of all frames of a clip alike: moved, blurred, coded as JPEG."""

import jax
import jax.numpy as jnp

from fdd.training.blending import jpeg, warps

MOST_BLUR = 2.0
"""The largest standard deviation that `blurred` allows, in pixels."""

_REACH = 6  # Of the blur's kernel, in pixels to each side: three standard deviations.


def moved(frames: jax.Array, angle: jax.Array, scale: jax.Array, shift: jax.Array) -> jax.Array:
    """Turns, enlarges and shifts frames about their middle, bilinear; their border is repeated.

    Args:
        frames: float [t, h, w, c].
        angle: Clockwise, in radians.
        scale: How many times larger what is seen becomes.
        shift: To the right and down, as fractions of the width and of the height, [2].

    Returns:
        As `frames`.
    """
    t, height, width, channels = frames.shape
    sides = jnp.array([width, height], frames.dtype)
    points = warps.grid(height, width, frames.dtype)
    field = warps.moved(points, (sides - 1) / 2, scale, shift * sides, angle)
    # A pixel's values in all frames lie side by side, so that they are taken from there at once.
    beside = frames.transpose(1, 2, 0, 3).reshape(height, width, t * channels)
    taken = warps.sample(beside, field).reshape(height, width, t, channels)
    return taken.transpose(2, 0, 1, 3)


def blurred(frames: jax.Array, deviation: jax.Array) -> jax.Array:
    """Blurs frames with a Gaussian; their border is repeated.

    Args:
        frames: float [t, h, w, c].
        deviation: Standard deviation in pixels, at most `MOST_BLUR`; 0 changes nothing.

    Returns:
        As `frames`.
    """
    offsets = jnp.arange(-_REACH, _REACH + 1).astype(frames.dtype)
    weights = jnp.exp(-0.5 * (offsets / jnp.maximum(deviation, 1e-2)) ** 2)
    weights /= weights.sum()
    for axis in (1, 2):
        size = frames.shape[axis]
        padding = [(_REACH, _REACH) if each == axis else (0, 0) for each in range(frames.ndim)]
        padded = jnp.pad(frames, padding, mode="edge")
        parts = (
            weights[start] * jax.lax.slice_in_dim(padded, start, start + size, axis=axis)
            for start in range(2 * _REACH + 1)
        )
        frames = sum(parts, jnp.zeros_like(frames))
    return frames


def coded(frames: jax.Array, quality: jax.Array) -> jax.Array:
    """Frames as they come out of JPEG.

    Args:
        frames: float [t, h, w, 3], whole numbers from 0 to 255.
        quality: 1 to 100.

    Returns:
        As `frames`.
    """
    return jnp.clip(jnp.round(jpeg.coded(frames, quality)), 0, 255)
