import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fdd.training import blending

pytestmark = pytest.mark.usefixtures("float64")

SIZE, FRAMES, CLIPS = 40, 6, 12
LANDMARKS = np.tile(
    np.array([[14, 14], [26, 14], [20, 20], [15, 27], [25, 27]], np.float32), (CLIPS, FRAMES, 1, 1)
)
PLAIN = {"jpeg": 0.0, "crop": 0.0}


def _clips(still=False):
    rng = np.random.default_rng(0)
    smooth = rng.integers(40, 210, (CLIPS, FRAMES, SIZE // 4, SIZE // 4, 3))
    clips = smooth.repeat(4, axis=2).repeat(4, axis=3).astype(np.uint8)
    return np.repeat(clips[:, :1], FRAMES, axis=1) if still else clips


_program = jax.jit(blending.self_blend, static_argnames="dtype")


def _blend(clips, keys=None, dtype=jnp.float64, **settings):
    keys = jax.random.split(jax.random.key(1), CLIPS) if keys is None else keys
    pair = _program(keys, clips, LANDMARKS, blending.Settings(**settings), dtype)
    return jax.tree.map(np.asarray, pair)


def _only(family, **settings):
    return {name: float(name == family) for name in blending.FAMILIES} | settings


def test_families_come_as_often_as_they_are_asked_for():
    how_often = {"constant": 2.0, "drifting": 1.0, "reordered": 1.0}
    np.testing.assert_allclose(blending.Settings(**how_often).weights(), [0.5, 0.25, 0.25])
    keys = jax.random.split(jax.random.key(0), (20, CLIPS))
    families = [_blend(_clips(), some, **how_often).family for some in keys]
    found = np.bincount(np.concatenate(families), minlength=3)
    assert (np.abs(found - [120, 60, 60]) < 4 * np.sqrt([60, 45, 45])).all()


@pytest.mark.parametrize("family", blending.FAMILIES)
def test_beyond_the_mask_both_clips_are_the_same(family):
    pair = _blend(_clips(), **_only(family, **PLAIN))
    assert pair.target.dtype == pair.blended.dtype == np.uint8
    outside = pair.mask == 0
    assert 0.2 < outside.mean() < 0.99
    np.testing.assert_array_equal(pair.blended[outside], pair.target[outside])
    differ = (pair.blended != pair.target).any(axis=(1, 2, 3, 4))
    assert differ.mean() > 0.9, "a forgery that is none"


@pytest.mark.parametrize("family", ["drifting", "reordered"])
def test_where_time_is_the_cue_the_target_is_the_clip(family):
    np.testing.assert_array_equal(_blend(_clips(), **_only(family, **PLAIN)).target, _clips())


def test_constant_replays_its_draws():
    """A clip whose frames are the same has a forgery whose frames are the same."""
    pair = _blend(_clips(still=True), **_only("constant"))
    assert (pair.blended == pair.blended[:, :1]).all()
    assert (pair.target == pair.target[:, :1]).all()
    assert len({clip.tobytes() for clip in pair.blended}) == CLIPS


def test_drifting_moves_a_face_that_is_still():
    pair = _blend(_clips(still=True), **_only("drifting"))
    assert (pair.target == pair.target[:, :1]).all()
    changes = (pair.blended != pair.blended[:, :1])[:, 1:].any(axis=(2, 3, 4))
    assert changes.mean() > 0.9


def test_more_drift_moves_more():
    def apart(drift):
        pair = _blend(_clips(still=True), **_only("drifting", drift=drift, **PLAIN))
        return np.abs(pair.blended.astype(int) - pair.target).mean()

    assert apart(0.0) == 0
    assert 0 < apart(0.5) < apart(1.0) < apart(3.0)


def test_reordered_shows_nothing_but_the_clips_own_moments():
    """Where all moments are the same there is nothing to see; where they differ there is."""
    pair = _blend(_clips(still=True), **_only("reordered"))
    assert np.abs(pair.blended.astype(int) - pair.target).max() <= 1
    pair = _blend(_clips(), **_only("reordered", **PLAIN))
    inner = pair.mask > 0.99
    assert np.abs(pair.blended.astype(int) - pair.target)[inner].mean() > 10


def test_both_clips_are_coded_and_cropped_alike():
    still = _clips(still=True)
    plain, coded = (_blend(still, **_only("reordered", jpeg=jpeg, crop=0.2)) for jpeg in (0.0, 1.0))
    assert np.abs(plain.target.astype(int) - still).mean() > 1
    assert np.abs(coded.target.astype(int) - plain.target).mean() > 1
    assert np.abs(coded.blended.astype(int) - coded.target).mean() < 0.2


def test_a_clip_does_not_see_its_neighbours():
    keys, clips = jax.random.split(jax.random.key(4), CLIPS), _clips()
    together = _blend(clips, keys)
    keys = keys.at[1:].set(jax.random.split(jax.random.key(6), CLIPS - 1))
    among_others = _blend(np.concatenate([clips[:1], clips[:0:-1]]), keys)
    for name in ("target", "blended", "family"):
        ours, theirs = (getattr(pair, name) for pair in (together, among_others))
        np.testing.assert_array_equal(ours[0], theirs[0], err_msg=name)
        assert (ours[1:] != theirs[1:]).any()


def test_the_precision_changes_no_draw():
    keys, clips = jax.random.split(jax.random.key(5), CLIPS), _clips()
    double = _blend(clips, keys)
    single = _blend(clips, keys, jnp.float32)
    np.testing.assert_array_equal(single.family, double.family)
    np.testing.assert_allclose(single.mask, double.mask, atol=1e-3)
    apart = np.abs(np.asarray(single.blended, int) - double.blended)
    assert (apart > 1).mean() < 0.01  # A coefficient of JPEG in the middle of two steps.
