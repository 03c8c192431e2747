import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from fdd.training import distortions
from tests.rounding import SAME

# In float64, so that what is at a pixel is not confused with what is beside it.
pytestmark = pytest.mark.usefixtures("float64")

FRAMES = np.random.default_rng(0).uniform(0, 255, (2, 12, 12, 3))
NOT_AT_ALL = {"angle": 0.0, "scale": 1.0, "shift": (0.0, 0.0)}


def _moved(frames=FRAMES, **changes):
    settings = {name: jnp.asarray(value) for name, value in (NOT_AT_ALL | changes).items()}
    return np.asarray(distortions.moved(jnp.asarray(frames), **settings))


def test_a_right_angle_is_clockwise():
    turned = np.rot90(FRAMES, -1, axes=(1, 2))
    np.testing.assert_allclose(_moved(angle=np.pi / 2), turned, rtol=1e-9)
    np.testing.assert_array_equal(_moved(), FRAMES)


def test_a_shift_goes_right_and_down_and_repeats_the_border():
    frames = FRAMES[:, :, :8]  # Fractions of its own side each.
    padded = np.pad(frames, ((0, 0), (3, 0), (2, 0), (0, 0)), mode="edge")
    moved = _moved(frames, shift=(2 / 8, 3 / 12))
    np.testing.assert_allclose(moved, padded[:, :12, :8], rtol=1e-9)


@pytest.mark.parametrize("scale", [0.9, 1.1])
def test_scaling_keeps_the_middle(scale):
    middle = np.array([5.5, 5.5])
    expected = np.empty_like(FRAMES)
    for frame in range(2):
        for channel in range(3):
            expected[frame, ..., channel] = scipy.ndimage.affine_transform(
                FRAMES[frame, ..., channel],
                np.eye(2) / scale,
                middle - middle / scale,
                order=1,
                mode="nearest",
            )
    np.testing.assert_allclose(_moved(scale=scale), expected, rtol=1e-9)


@pytest.mark.parametrize("deviation", [0.5, 2.0])
def test_blur(deviation):
    expected = scipy.ndimage.gaussian_filter(
        FRAMES, (0, deviation, deviation, 0), mode="nearest", radius=6
    )
    blurred = distortions.blurred(jnp.asarray(FRAMES), jnp.asarray(deviation))
    np.testing.assert_allclose(blurred, expected, rtol=SAME)
    still = distortions.blurred(jnp.asarray(FRAMES), jnp.asarray(0.0))
    np.testing.assert_array_equal(still, FRAMES)


def test_jpeg_is_what_a_codec_would_give():
    cv2 = pytest.importorskip("cv2")
    y, x = np.mgrid[:32, :32]
    image = np.stack([8 * y, 4 * x + 2 * y, 255 - 7 * x], axis=-1) % 256
    options = [cv2.IMWRITE_JPEG_QUALITY, 60, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    _, stored = cv2.imencode(".jpg", image[..., ::-1].astype(np.uint8), options)
    expected = cv2.imdecode(stored, cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    coded = np.asarray(distortions.coded(jnp.asarray(image[None], float), jnp.asarray(60.0)))[0]
    assert np.abs(coded - image).mean() > 1, "it loses something"
    assert np.abs(coded - expected).max() <= 2
