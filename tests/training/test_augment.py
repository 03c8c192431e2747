import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fdd.training import augment
from tests.rounding import SAME, worst

# In float64 no sum's order decides how a value is rounded to a whole number.
pytestmark = pytest.mark.usefixtures("float64")

FRAMES = np.random.default_rng(0).integers(60, 190, (8, 5, 6, 6, 3)).astype(np.uint8)


def _augment(key, frames, **changes):
    settings = {"flip": False, "brightness": 0.0, "contrast": 0.0, "dtype": jnp.float64} | changes
    keys = jax.random.split(key, len(frames))
    return jax.jit(functools.partial(augment.augment, **settings))(keys, frames)


def test_normalize():
    mean, std = (120.0, 110.0, 100.0), (60.0, 50.0, 40.0)
    expected = (np.asarray(FRAMES, np.float64) - mean) / std
    out = augment.normalize(FRAMES, mean, std, jnp.float64)
    np.testing.assert_allclose(out, expected, rtol=SAME)
    out = augment.normalize(FRAMES, mean, std)
    np.testing.assert_allclose(out, expected, rtol=worst(4))  # Whole numbers, so three roundings.
    assert out.dtype == jnp.float32


def test_off_changes_nothing():
    np.testing.assert_array_equal(_augment(jax.random.key(1), FRAMES), FRAMES)


def test_flip_mirrors_whole_clips_and_about_half_of_them():
    frames = jnp.tile(FRAMES, (50, 1, 1, 1, 1))
    out = np.asarray(_augment(jax.random.key(2), frames, flip=True))
    same = [(a == b).all() for a, b in zip(out, np.asarray(frames), strict=True)]
    mirrored = [(a == b[:, :, ::-1]).all() for a, b in zip(out, np.asarray(frames), strict=True)]
    assert all(a != b for a, b in zip(same, mirrored, strict=True))
    assert 140 < sum(mirrored) < 260


@pytest.mark.parametrize("change", [{"brightness": 0.2}, {"contrast": 0.3}])
def test_brightness_and_contrast_change_a_clip_as_a_whole(change):
    """Frames that are equal before are equal after; clips differ."""
    still = jnp.broadcast_to(FRAMES[:, :1], FRAMES.shape)
    out = np.asarray(_augment(jax.random.key(3), still, **change))
    assert out.dtype == np.uint8
    assert (out == out[:, :1]).all()
    shift = out.astype(int) - np.asarray(still, int)
    assert len({tuple(clip.ravel()) for clip in shift}) == len(shift)
    assert 0 < np.abs(shift).max() <= 0.3 * 255


MOST = {"rotation": 10.0, "shift": 0.1, "scale": 0.1, "blur": 0.5, "jpeg": 0.5}


@pytest.mark.parametrize("change", [{key: value} for key, value in MOST.items()])
def test_other_changes_are_of_a_clip_as_a_whole(change):
    """Frames that are equal before are equal after; of the chances, some clips are left."""
    still = jnp.tile(jnp.broadcast_to(FRAMES[:, :1], FRAMES.shape), (2, 1, 1, 1, 1))
    out = np.asarray(_augment(jax.random.key(3), still, **change))
    assert out.dtype == np.uint8
    assert (out == out[:, :1]).all()
    left = [(a == b).all() for a, b in zip(out, np.asarray(still), strict=True)]
    assert 2 <= sum(left) <= 14 if {"blur", "jpeg"} & {*change} else not any(left)
    assert len({clip.tobytes() for clip in out}) >= len(out) - sum(left)


@pytest.mark.parametrize(
    ("change", "most"),
    [({"rotation": 10.0}, np.deg2rad(10)), ({"shift": 0.1}, 0.1), ({"scale": 0.1}, 0.1)],
)
def test_motion_fills_its_range_evenly_and_stays_in_it(change, most):
    """On a picture that rises evenly from left to right, each motion is read from the slope."""
    ramp = (4 * np.arange(41) + 47).astype(np.uint8)[:, None]
    ramp = jnp.broadcast_to(ramp, (200, 1, 41, 41, 3))
    out = np.asarray(_augment(jax.random.key(5), ramp, **change), float)[:, 0, 10:31, 10:31, 0]
    across = (out[:, :, -1] - out[:, :, 0]).mean(1) / 80
    down = (out[:, -1] - out[:, 0]).mean(1) / 80
    found = {
        "rotation": np.arctan2(down, across),
        "shift": (127 - out[:, 10, 10]) / 4 / 41,
        "scale": 1 / across - 1,
    }[next(iter(change))]
    slack = 1 / 80 / 0.9**2  # Both ends of a slope of 80 are rounded, and it may shrink to 0.9.
    assert np.abs(found).max() < most + slack
    assert found.min() < -0.9 * most + slack and found.max() > 0.9 * most - slack
    assert abs(found.mean()) < 0.2 * most


def test_a_clip_does_not_see_its_neighbours():
    settings = {"flip": True, "brightness": 0.2, "contrast": 0.3, **MOST, "dtype": jnp.float64}
    keys = jax.random.split(jax.random.key(4), len(FRAMES))
    change = jax.jit(functools.partial(augment.augment, **settings))
    together = change(keys, FRAMES)
    for index in range(len(FRAMES)):
        some = slice(index, index + 1)
        np.testing.assert_array_equal(change(keys[some], FRAMES[some]), together[some])
