"""Augmentation and normalisation of a batch of clips, on the device."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp


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
    dtype: jnp.dtype = jnp.float32,
) -> jax.Array:
    """Changes clips at random, all frames of a clip alike, so that no cue over time arises.

    Args:
        keys: A random key per clip, [b], so that a clip's change does not depend on its batch.
        frames: uint8 [b, t, h, w, 3].
        flip: Mirror half of the clips left to right.
        brightness: Add up to this fraction of 255, up or down.
        contrast: Scale the distance to the clip's mean by up to this fraction, up or down.
        dtype: What the new values are computed in before they are rounded; what is drawn does not
            depend on it.

    Returns:
        uint8 [b, t, h, w, 3].
    """

    def draw(number: int, lowest: float) -> jax.Array:
        """Uniform from `lowest` to 1, a value per clip: `dtype` [b, 1, 1, 1, 1]."""

        def one(key: jax.Array) -> jax.Array:
            key = jax.random.fold_in(key, number)
            return jax.random.uniform(key, (1, 1, 1, 1), jnp.float32)

        return jax.vmap(one)(keys).astype(dtype) * (1 - lowest) + lowest

    if flip:
        frames = jnp.where(draw(0, 0.0) < 0.5, frames[:, :, :, ::-1], frames)
    if brightness or contrast:
        values = frames.astype(dtype)
        mean = values.mean(axis=(1, 2, 3, 4), keepdims=True)
        scale = 1 + contrast * draw(1, -1.0)
        shift = 255 * brightness * draw(2, -1.0)
        values = (values - mean) * scale + mean + shift
        frames = jnp.clip(jnp.round(values), 0, 255).astype(jnp.uint8)
    return frames
