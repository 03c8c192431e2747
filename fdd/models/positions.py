"""Position encodings of vision transformers: learned and rotary."""

import jax
import jax.numpy as jnp
import numpy as np

BASE = 100.0
"""Base of the frequencies in `rotation`."""

_SHARPNESS = -0.75  # Of the bicubic kernel, as in PyTorch and OpenCV; Keys' own is -0.5.


def resized(positions: jax.Array, height: int, width: int) -> jax.Array:
    """Interpolates learned positions to another grid of patches, bicubically.

    Args:
        positions: float [h, w, c].
        height: Height of the new grid in patches.
        width: Width of the new grid in patches.

    Returns:
        float [height, width, c], as `torch.nn.functional.interpolate` with mode 'bicubic' gives.

    References:
        Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021, section 3.2.
    """
    if positions.shape[:2] == (height, width):
        return positions
    rows, columns = (
        jnp.asarray(_cubic(old, new), positions.dtype)
        for old, new in zip(positions.shape, (height, width), strict=False)
    )
    return jnp.einsum(
        "yh,xw,hwc->yxc", rows, columns, positions, precision=jax.lax.Precision.HIGHEST
    )


def _cubic(old: int, new: int) -> np.ndarray:
    """The matrix [new, old] of an interpolation by Keys' kernel; borders are repeated.

    Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981.
    """
    places = (np.arange(new) + 0.5) * old / new - 0.5
    first = np.floor(places).astype(int)
    matrix = np.zeros((new, old))
    for offset in range(-1, 3):
        distance = np.abs(places - first - offset)
        a = _SHARPNESS
        near = (a + 2) * distance**3 - (a + 3) * distance**2 + 1
        far = a * (distance**3 - 5 * distance**2 + 8 * distance - 4)
        weight = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
        np.add.at(matrix, (np.arange(new), np.clip(first + offset, 0, old - 1)), weight)
    return matrix


def rotation(height: int, width: int, size: int, *, unmoved: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of the angles by which queries and keys are rotated.

    A patch's centre, from -1 to 1 along each side of the image whatever its size, is multiplied by
    frequencies that fall from 1 to 1 / `BASE`.

    Args:
        height: Height of the grid of patches.
        width: Width of the grid of patches.
        size: Number of features of a head; a multiple of 4.
        unmoved: Number of tokens before the patches; these are not rotated.

    Returns:
        Two arrays, float64 [unmoved + height * width, size].

    References:
        Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021; along two
        axes as in Siméoni et al., DINOv3, 2025.
    """
    frequencies = BASE ** -np.arange(0, 1, 4 / size)
    rows, columns = (2 * (np.arange(count) + 0.5) / count - 1 for count in (height, width))
    centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    angles = 2 * np.pi * (centres[:, :, None] * frequencies).reshape(len(centres), -1)
    angles = np.concatenate([np.zeros((unmoved, size // 2)), angles])
    angles = np.tile(angles, 2)
    return np.cos(angles), np.sin(angles)


def rotate(x: jax.Array, cosines: jax.Array, sines: jax.Array) -> jax.Array:
    """Rotates each pair of a head's features, (i, i + c / 2), by the angle of its token.

    Args:
        x: float [b, n, heads, c].
        cosines: [n, c], see `rotation`.
        sines: [n, c].

    Returns:
        float [b, n, heads, c].
    """
    first, second = jnp.split(x, 2, axis=-1)
    turned = jnp.concatenate([-second, first], axis=-1)
    return x * cosines[:, None] + turned * sines[:, None]
