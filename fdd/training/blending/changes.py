"""Changes of a picture that keep its shapes: colour, light, sharpness."""

import jax
import jax.numpy as jnp

from fdd.training.blending import warps
from fdd.training.blending.draws import Draws

_LUMA = (0.299, 0.587, 0.114)


def colour(draws: Draws, frames: jax.Array, strength: jax.Array) -> jax.Array:
    """Changes the colours and the light of frames, all alike.

    Each with probability .3: a shift of each channel by up to 20; a turn of the hue by up to .1
    radians and a saturation of up to a fifth more or less; a brightness and a contrast of up to a
    tenth more or less. (Shiohara and Yamasaki, Detecting Deepfakes with Self-Blended Images, CVPR
    2022.) Hue and saturation are changed in the plane of equal luma, which is linear.

    Args:
        draws: Where the changes come from.
        frames: float [..., 3], RGB, 0 to 255.
        strength: 1; 0 changes nothing.

    Returns:
        As `frames`, not limited to 0 to 255.
    """
    dtype = frames.dtype

    def drawn(low: float, high: float, shape: tuple[int, ...] = ()) -> jax.Array:
        return draws.uniform(low, high, shape).astype(dtype)

    on = [jnp.where(draws.chance(0.3), strength, 0.0).astype(dtype) for _ in range(3)]
    shift = on[0] * drawn(-20, 20, (3,))
    matrix = _hue_and_saturation(on[1] * drawn(-0.1, 0.1), 1 + on[1] * drawn(-0.2, 0.2))
    contrast, light = 1 + on[2] * drawn(-0.1, 0.1), 255 * on[2] * drawn(-0.1, 0.1)
    # All of it is one linear map of a pixel: contrast * (matrix @ pixel + shift) + light.
    return frames @ (contrast * matrix).T + (contrast * shift + light)


def _hue_and_saturation(angle: jax.Array, saturation: jax.Array) -> jax.Array:
    """[3, 3]: turns colours about the axis of grey and scales their distance to it."""
    luma = jnp.tile(jnp.array(_LUMA, angle.dtype), (3, 1))
    axis = jnp.ones((3, 3), angle.dtype) / 3
    cross = jnp.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], angle.dtype) / jnp.sqrt(
        jnp.array(3, angle.dtype)
    )
    turn = jnp.cos(angle) * (jnp.eye(3, dtype=angle.dtype) - axis) + jnp.sin(angle) * cross + axis
    return (luma + saturation * (jnp.eye(3, dtype=angle.dtype) - luma)) @ turn


def sharpness(draws: Draws, frames: jax.Array, strength: jax.Array) -> jax.Array:
    """Makes frames coarser or sharper, all alike.

    One half of the draws scales them down by 2 or 4 and up again, the other half sharpens them.

    Args:
        draws: Where the changes come from.
        frames: float [t, h, w, 3], 0 to 255.
        strength: 1; 0 changes nothing.

    Returns:
        As `frames`, not limited to 0 to 255.
    """
    coarser, by_four = draws.chance(0.5), draws.chance(0.5)
    amount = draws.uniform(0.2, 1.0).astype(frames.dtype) * strength
    coarse = down_and_up(frames, by_four)
    scaled = frames + strength * (coarse - frames)
    return jnp.where(coarser, scaled, frames + amount * (frames - _smooth(frames)))


def down_and_up(frames: jax.Array, by_four: jax.Array) -> jax.Array:
    """Frames averaged over squares of 2 × 2 or 4 × 4 pixels, and bilinear in between.

    Args:
        frames: float [t, h, w, c].
        by_four: bool [].

    Returns:
        As `frames`.
    """
    height, width = frames.shape[1:3]
    half = _averaged(frames, 2)
    quarter = _averaged(half, 2)
    corner = jnp.zeros_like(half).at[:, : quarter.shape[1], : quarter.shape[2]].set(quarter)
    factor = jnp.where(by_four, 4, 2).astype(frames.dtype)
    field = (warps.grid(height, width, frames.dtype) + 0.5) / factor - 0.5
    last = jnp.where(
        by_four,
        jnp.array(quarter.shape[2:0:-1]) - 1,
        jnp.array(half.shape[2:0:-1]) - 1,
    )
    field = jnp.minimum(field, last.astype(frames.dtype))
    return jax.vmap(warps.sample, (0, None))(jnp.where(by_four, corner, half), field)


def _averaged(frames: jax.Array, factor: int) -> jax.Array:
    """Frames [t, h, w, c], a pixel for each square of `factor`; the border is repeated."""
    t, height, width, channels = frames.shape
    padding = ((0, 0), (0, -height % factor), (0, -width % factor), (0, 0))
    padded = jnp.pad(frames, padding, mode="edge")
    rows, columns = (side // factor for side in padded.shape[1:3])
    return padded.reshape(t, rows, factor, columns, factor, channels).mean(axis=(2, 4))


def _smooth(frames: jax.Array) -> jax.Array:
    """Weights 1 2 1 along each side of the picture; the border is repeated."""
    for axis in (1, 2):
        size = frames.shape[axis]
        before = jnp.concatenate(
            [
                jax.lax.slice_in_dim(frames, 0, 1, axis=axis),
                jax.lax.slice_in_dim(frames, 0, size - 1, axis=axis),
            ],
            axis,
        )
        after = jnp.concatenate(
            [
                jax.lax.slice_in_dim(frames, 1, size, axis=axis),
                jax.lax.slice_in_dim(frames, size - 1, size, axis=axis),
            ],
            axis,
        )
        frames = (before + 2 * frames + after) / 4
    return frames


def like(source: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """A picture with another one's mean and deviation of each channel, as seen through a mask.

    Args:
        source: float [h, w, 3].
        target: float [h, w, 3].
        mask: float [h, w], 0 to 1.

    References:
        Reinhard et al., Color Transfer between Images, 2001 (there in another colour space).
    """
    weights = mask[..., None] / jnp.maximum(mask.sum(), 1e-6)

    def moments(image: jax.Array) -> tuple[jax.Array, jax.Array]:
        mean = (weights * image).sum(axis=(0, 1))
        return mean, jnp.sqrt((weights * (image - mean) ** 2).sum(axis=(0, 1)))

    (mean, deviation), (wanted_mean, wanted) = moments(source), moments(target)
    return (source - mean) * (wanted / jnp.maximum(deviation, 1.0)) + wanted_mean
