import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fdd.training.blending import changes
from fdd.training.blending.draws import Draws

pytestmark = pytest.mark.usefixtures("float64")

FRAMES = np.random.default_rng(0).uniform(60, 190, (3, 16, 12, 3))


def _draws(key):
    return Draws(jax.random.key(key), 100)


@pytest.mark.parametrize("change", [changes.colour, changes.sharpness])
def test_without_strength_nothing_changes(change):
    for key in range(8):
        out = change(_draws(key), jnp.asarray(FRAMES), jnp.array(0.0))
        np.testing.assert_allclose(out, FRAMES, atol=1e-9)


@pytest.mark.parametrize("change", [changes.colour, changes.sharpness])
def test_all_frames_change_alike(change):
    still = jnp.asarray(np.repeat(FRAMES[:1], 3, axis=0))
    for key in range(8):
        out = np.asarray(change(_draws(key), still, jnp.array(1.0)))
        assert (out == out[:1]).all()


def test_colours_change_within_limits_and_not_always():
    grey = jnp.full((1, 1, 1, 3), 128.0)
    out = np.stack(
        [
            np.asarray(changes.colour(_draws(key), grey, jnp.array(1.0))).ravel()
            for key in range(200)
        ]
    )
    unchanged = (np.abs(out - 128) < 1e-9).all(axis=1).mean()
    assert 0.7 * 0.7 - 0.12 < unchanged < 0.7 * 0.7 + 0.12  # Grey has no hue to turn.
    # A shift of 20, a tenth of 255 and a contrast of a tenth on the sum.
    assert np.abs(out - 128).max() <= 20 * 1.1 + 25.5 + 12.8


def test_a_turn_of_the_hue_keeps_grey_and_turns_as_hsv():
    matrix = np.asarray(changes._hue_and_saturation(jnp.array(0.1), jnp.array(1.0)))
    np.testing.assert_allclose(matrix @ np.ones(3), np.ones(3), atol=1e-12)
    red = np.array([0.6, 0.4, 0.4])
    turned = colorsys.rgb_to_hsv(*(matrix @ red))[0] * 2 * np.pi
    assert 0.05 < turned < 0.15


def test_saturation_keeps_the_luma():
    matrix = np.asarray(changes._hue_and_saturation(jnp.array(0.0), jnp.array(1.2)))
    colour, luma = np.array([0.7, 0.3, 0.2]), np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(luma @ matrix @ colour, luma @ colour, atol=1e-12)
    np.testing.assert_allclose(
        matrix @ colour - luma @ colour, 1.2 * (colour - luma @ colour), atol=1e-12
    )


@pytest.mark.parametrize("factor", [2, 4])
def test_down_and_up_again(factor):
    """In the middle of each square its mean comes back; a plane stays one, but for the border."""
    out = np.asarray(changes.down_and_up(jnp.asarray(FRAMES), jnp.array(factor == 4)))
    means = FRAMES.reshape(3, 16 // factor, factor, 12 // factor, factor, 3).mean(axis=(2, 4))
    got = out.reshape(3, 16 // factor, factor, 12 // factor, factor, 3)
    inner = got[:, 1:-1, :, 1:-1].mean(axis=(2, 4))
    assert np.corrcoef(inner.ravel(), means[:, 1:-1, 1:-1].ravel())[0, 1] > 0.8
    y, x = np.mgrid[:16, :12].astype(float)
    plane = np.stack([3 * y + 2 * x] * 3, axis=-1)[None]
    out = np.asarray(changes.down_and_up(jnp.asarray(plane), jnp.array(factor == 4)))
    np.testing.assert_allclose(out[:, 4:-4, 4:-4], plane[:, 4:-4, 4:-4], atol=1e-9)


def test_sides_that_cannot_be_halved():
    frames = jnp.full((1, 13, 7, 3), 50.0)
    for by_four in (False, True):
        out = changes.down_and_up(frames, jnp.array(by_four))
        np.testing.assert_allclose(out, frames, atol=1e-9)


def test_sharpness_goes_both_ways():
    def energy(frames):
        return np.square(np.diff(np.asarray(frames), axis=1)).mean()

    ratios = [
        energy(changes.sharpness(_draws(key), jnp.asarray(FRAMES), jnp.array(1.0))) / energy(FRAMES)
        for key in range(20)
    ]
    assert min(ratios) < 0.3
    assert max(ratios) > 1.3
    assert 4 <= sum(ratio > 1 for ratio in ratios) <= 16


def test_like_gives_the_colours_of_another_picture():
    rng = np.random.default_rng(1)
    source, target = rng.uniform(0, 100, (9, 9, 3)), rng.uniform(90, 250, (9, 9, 3))
    mask = np.zeros((9, 9))
    mask[2:7, 3:8] = 1
    out = np.asarray(changes.like(jnp.asarray(source), jnp.asarray(target), jnp.asarray(mask)))
    seen, wanted = out[2:7, 3:8], target[2:7, 3:8]
    np.testing.assert_allclose(seen.mean(axis=(0, 1)), wanted.mean(axis=(0, 1)), atol=1e-9)
    np.testing.assert_allclose(seen.std(axis=(0, 1)), wanted.std(axis=(0, 1)), atol=1e-9)
