"""What happens to a batch of clips on the device, before the model sees it."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp


def normalize(frames: jax.Array, mean: Sequence[float], std: Sequence[float]) -> jax.Array:
    """Turns pixel values into what the encoder expects.

    Args:
        frames: uint8 [..., 3], RGB.
        mean: Per channel, in units of 0 to 255.
        std: Per channel, in units of 0 to 255.

    Returns:
        float32 [..., 3], (frames - mean) / std.
    """
    return (frames.astype(jnp.float32) - jnp.array(mean)) / jnp.array(std)


def augment(
    key: jax.Array, frames: jax.Array, *, flip: bool, brightness: float, contrast: float
) -> jax.Array:
    """Changes clips at random, all frames of a clip alike, so that no cue over time arises.

    Args:
        key: A random key.
        frames: uint8 [b, t, h, w, 3].
        flip: Mirror half of the clips left to right.
        brightness: Add up to this share of 255, up or down.
        contrast: Scale the distance to the clip's mean by up to this share, up or down.

    Returns:
        uint8 [b, t, h, w, 3].
    """
    flip_key, brightness_key, contrast_key = jax.random.split(key, 3)
    per_clip = (frames.shape[0], 1, 1, 1, 1)
    if flip:
        mirrored = jax.random.bernoulli(flip_key, 0.5, per_clip)
        frames = jnp.where(mirrored, frames[:, :, :, ::-1], frames)
    if brightness or contrast:
        values = frames.astype(jnp.float32)
        mean = values.mean(axis=(1, 2, 3, 4), keepdims=True)
        scale = 1 + contrast * jax.random.uniform(contrast_key, per_clip, minval=-1)
        shift = 255 * brightness * jax.random.uniform(brightness_key, per_clip, minval=-1)
        values = (values - mean) * scale + mean + shift
        frames = jnp.clip(jnp.round(values), 0, 255).astype(jnp.uint8)
    return frames
