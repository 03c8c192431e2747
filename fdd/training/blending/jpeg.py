"""What JPEG loses: 8 × 8 cosine transforms, rounded to multiples of a table of steps."""

import jax
import jax.numpy as jnp
import numpy as np

_BLOCK = 8
# The tables of ITU-T T.81, annex K.1, which libjpeg scales by the quality.
_LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_CHROMA = np.full((_BLOCK, _BLOCK), 99)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
_TABLES = np.stack([_LUMA, _CHROMA, _CHROMA])
_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)


def _cosines() -> np.ndarray:
    """The orthonormal cosine transform of type II, [frequency, place]."""
    frequency, place = np.mgrid[:_BLOCK, :_BLOCK]
    waves = np.cos((2 * place + 1) * frequency * np.pi / (2 * _BLOCK)) * np.sqrt(2 / _BLOCK)
    waves[0] /= np.sqrt(2)
    return waves


def steps(quality: jax.Array) -> jax.Array:
    """libjpeg's tables of steps for a quality of 1 to 100: [3, 8, 8], of luma and both chromas."""
    scale = jnp.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    table = jnp.floor((jnp.asarray(_TABLES, scale.dtype) * scale + 50) / 100)
    return jnp.clip(table, 1, 255)


def coded(frames: jax.Array, quality: jax.Array) -> jax.Array:
    """Frames as they come out of JPEG with all of its chroma (4:4:4).

    Args:
        frames: float [..., h, w, 3], RGB, 0 to 255.
        quality: 1 to 100, whole or not.

    Returns:
        As `frames`; not limited to 0 to 255, and not rounded.
    """
    *rest, height, width, _ = frames.shape
    dtype = frames.dtype
    padding = [(0, 0)] * len(rest) + [(0, -side % _BLOCK) for side in (height, width)] + [(0, 0)]
    padded = jnp.pad(frames, padding, mode="edge")
    ycc = jnp.round(padded @ jnp.asarray(_TO_YCC.T, dtype)) - jnp.array([128, 0, 0], dtype)
    rows, columns = (side // _BLOCK for side in padded.shape[-3:-1])
    # A block's 64 pixels, of one channel, in a row: the transform is one matrix.
    blocks = ycc.reshape(-1, rows, _BLOCK, columns, _BLOCK, 3).transpose(0, 1, 3, 5, 2, 4)
    waves = jnp.asarray(np.kron(_cosines(), _cosines()), dtype)
    table = steps(jnp.asarray(quality, dtype)).reshape(3, _BLOCK**2)
    kept = jnp.round(blocks.reshape(-1, 3, _BLOCK**2) @ waves.T / table) * table
    blocks = (kept @ waves).reshape(-1, rows, columns, 3, _BLOCK, _BLOCK)
    ycc = blocks.transpose(0, 1, 4, 2, 5, 3).reshape(padded.shape)
    ycc = jnp.clip(jnp.round(ycc), -128, 127)  # A decoder stores 8 bits before it converts colours.
    ycc += jnp.array([128, 0, 0], dtype)
    rgb = ycc @ jnp.asarray(np.linalg.inv(_TO_YCC).T, dtype)
    return rgb[..., :height, :width, :]
