"""Augmentation and normalisation of a batch of clips, on the device."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from fdd.training import distortions

_BLUR = (0.5, distortions.MOST_BLUR)
_QUALITY = (40, 100)


def normalize(
    frames: jax.Array,
    mean: Sequence[float],
    std: Sequence[float],
    dtype: jnp.dtype = jnp.float32,
) -> jax.Array:
    """Turns pixel values into what the encoder expects.

    Args:
        frames: uint8 [..., 3], RGB.
        mean: Per channel, in units of 0 to 255.
        std: Per channel, in units of 0 to 255.
        dtype: float32 or float64.

    Returns:
        `dtype` [..., 3], (frames - mean) / std.
    """
    return (frames.astype(dtype) - jnp.array(mean, dtype)) / jnp.array(std, dtype)


def augment(
    keys: jax.Array,
    frames: jax.Array,
    *,
    flip: bool,
    brightness: float,
    contrast: float,
    rotation: float = 0.0,
    shift: float = 0.0,
    scale: float = 0.0,
    blur: float = 0.0,
    jpeg: float = 0.0,
    dtype: jnp.dtype = jnp.float32,
) -> jax.Array:
    """Changes clips at random, all frames of a clip alike, so that no cue over time arises.

    Args:
        keys: A random key per clip, [b], so that a clip's change does not depend on its batch.
        frames: uint8 [b, t, h, w, 3].
        flip: Mirror half of the clips left to right.
        brightness: Add up to this fraction of 255, up or down.
        contrast: Scale the distance to the clip's mean by up to this fraction, up or down.
        rotation: Turn by up to this number of degrees, either way.
        shift: Shift by up to this fraction of the width and of the height, either way.
        scale: Enlarge or shrink by up to this fraction.
        blur: The probability of a blur by a Gaussian of 0.5 to 2 pixels.
        jpeg: The probability of being coded as JPEG, with a quality of 40 to 100.
        dtype: What the new values are computed in before they are rounded; what is drawn does not
            depend on it.

    Returns:
        uint8 [b, t, h, w, 3].
    """
    draw = functools.partial(_draw, keys, dtype)
    if flip:
        mirrored = frames[:, :, :, ::-1]
        frames = jnp.where(_over_clips(draw(0, 0, 1) < 0.5), mirrored, frames)
    if not (rotation or shift or scale or brightness or contrast or blur or jpeg):
        return frames
    values = frames.astype(dtype)
    if rotation or shift or scale:
        angle = jnp.deg2rad(draw(3, -rotation, rotation))
        shifts = jnp.stack([draw(number, -shift, shift) for number in (4, 5)], axis=-1)
        values = jax.vmap(distortions.moved)(values, angle, 1 + draw(6, -scale, scale), shifts)
    if brightness or contrast:
        mean = values.mean(axis=(1, 2, 3, 4), keepdims=True)
        factor = 1 + contrast * _over_clips(draw(1, -1, 1))
        values = (values - mean) * factor + mean + 255 * brightness * _over_clips(draw(2, -1, 1))
    if blur:
        deviation = jnp.where(draw(7, 0, 1) < blur, draw(8, *_BLUR), 0)
        values = jax.vmap(distortions.blurred)(values, deviation)
    values = jnp.clip(jnp.round(values), 0, 255)
    if jpeg:
        coded = jax.vmap(distortions.coded)(values, draw(10, *_QUALITY))
        values = jnp.where(_over_clips(draw(9, 0, 1) < jpeg), coded, values)
    return values.astype(jnp.uint8)


def _draw(
    keys: jax.Array, dtype: jnp.dtype, number: int, lowest: float, highest: float
) -> jax.Array:
    """A uniform value for each clip, `dtype` [b]; each `number` is a stream of its own."""

    def one(key: jax.Array) -> jax.Array:
        return jax.random.uniform(jax.random.fold_in(key, number), (), jnp.float32)

    return jax.vmap(one)(keys).astype(dtype) * (highest - lowest) + lowest


def _over_clips(values: jax.Array) -> jax.Array:
    """A value per clip, [b], as [b, 1, 1, 1, 1]."""
    return values[:, None, None, None, None]
