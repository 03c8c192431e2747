import cv2
import jax.numpy as jnp
import numpy as np
import pytest

from fdd.training.blending import jpeg


def _picture(size=64):
    """Waves, edges and noise, so that all coefficients are in use."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size
    waves = np.stack([np.sin(9 * x + 4 * y), np.cos(25 * y * x), np.sin(40 * x)], axis=-1)
    image = 128 + 70 * waves + rng.normal(0, 6, (size, size, 3))
    image[20:40, 10:30] = (200, 40, 90)
    return image.clip(0, 255).round().astype(np.uint8)


def _libjpeg(image, quality):
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    coded = cv2.imencode(".jpg", image[..., ::-1], flags)[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].astype(float)


@pytest.mark.parametrize("quality", [40, 49, 50, 75, 95, 100])
def test_it_loses_what_libjpeg_loses(quality):
    """19 of 20 values to three levels, and less than one level on average.

    libjpeg transforms in whole numbers, which moves luma and chroma by one: blue, which is luma and
    1.772 of its chroma, moves by 2.772, and is rounded. A coefficient that lies in the middle of
    two multiples may be rounded to the other one, which shows in its block of 64 pixels.
    """
    image = _picture()
    out = np.asarray(jpeg.coded(jnp.asarray(image, jnp.float32), quality)).clip(0, 255).round()
    expected = _libjpeg(image, quality)
    apart = np.abs(out - expected)
    assert (apart <= 3).mean() > 0.95
    assert apart.mean() < 1
    if quality < 95:  # What is lost is more than that.
        assert np.abs(expected - image).mean() > 2


@pytest.mark.parametrize("quality", [40, 50, 90])
def test_the_tables_are_libjpegs(quality):
    """As libjpeg writes them into the file, in the order of a zigzag."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    data = cv2.imencode(".jpg", _picture()[..., ::-1], flags)[1].tobytes()
    tables, at = [], 0
    while (at := data.find(b"\xff\xdb", at)) >= 0:
        tables.append(np.frombuffer(data, np.uint8, 64, at + 5))
        at += 2
    zigzag = sorted(np.ndindex(8, 8), key=lambda p: (sum(p), p[0] if sum(p) % 2 else -p[0]))
    for found, table in zip(tables[:2], jpeg.steps(jnp.float32(quality)), strict=False):
        np.testing.assert_array_equal(found, [int(table[p]) for p in zigzag])


def test_sides_that_are_no_multiples_of_eight():
    image = jnp.asarray(_picture()[:45, :50], jnp.float32)
    out = jpeg.coded(image[None], 100)
    assert out.shape == (1, 45, 50, 3)
    assert np.abs(np.asarray(out[0]) - np.asarray(image)).max() < 4
