import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fdd.data import augment

FRAMES = jax.random.randint(jax.random.key(0), (8, 5, 6, 6, 3), 60, 190).astype(jnp.uint8)


def _augment(key, frames, **changes):
    settings = {"flip": False, "brightness": 0.0, "contrast": 0.0} | changes
    keys = jax.random.split(key, len(frames))
    return jax.jit(functools.partial(augment.augment, **settings))(keys, frames)


def test_normalize():
    mean, std = (120.0, 110.0, 100.0), (60.0, 50.0, 40.0)
    out = augment.normalize(FRAMES, mean, std)
    expected = (np.asarray(FRAMES, np.float64) - mean) / std
    np.testing.assert_allclose(out, expected, rtol=1e-6)
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
def test_light_changes_a_clip_as_a_whole(change):
    """Frames that are equal before are equal after; clips differ."""
    still = jnp.broadcast_to(FRAMES[:, :1], FRAMES.shape)
    out = np.asarray(_augment(jax.random.key(3), still, **change))
    assert out.dtype == np.uint8
    assert (out == out[:, :1]).all()
    shift = out.astype(int) - np.asarray(still, int)
    assert len({tuple(clip.ravel()) for clip in shift}) == len(shift)
    assert 0 < np.abs(shift).max() <= 0.3 * 255


def test_a_clip_does_not_see_its_neighbours():
    settings = {"flip": True, "brightness": 0.2, "contrast": 0.3}
    keys = jax.random.split(jax.random.key(4), len(FRAMES))
    together = augment.augment(keys, FRAMES, **settings)
    for index in range(len(FRAMES)):
        some = slice(index, index + 1)
        np.testing.assert_array_equal(
            augment.augment(keys[some], FRAMES[some], **settings), together[some]
        )
