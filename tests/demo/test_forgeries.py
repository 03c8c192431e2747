"""Behaviour of the forgeries before coding."""

import numpy as np
import pytest

from fdd.demo import drawing, forgeries, identities, motion

SIZE = 128


@pytest.fixture(scope="module")
def video():
    target, source = (identities.sample_identity(np.random.default_rng(i)) for i in (1, 2))
    moves = motion.sample_motion(np.random.default_rng(3), 20)
    frames = np.stack([drawing.draw_frame(target, s, SIZE) for s in moves.states()])
    masks = np.stack([drawing.inner_face_mask(target, s, SIZE) for s in moves.states()])
    return target, source, moves, frames, masks


def _swap(video, seed: int = 0) -> np.ndarray:
    target, source, moves, frames, masks = video
    rng = np.random.default_rng(seed)
    return forgeries.identity_swap(frames, masks, target, source, moves, rng)


def _flicker(video, seed: int = 0) -> np.ndarray:
    return forgeries.flicker(video[3], video[4], np.random.default_rng(seed))


def _difference(forged: np.ndarray, video) -> np.ndarray:
    """Mean signed difference inside each frame's mask, [num_frames, 3]."""
    _, _, _, frames, masks = video
    weights = masks[..., None] / masks.sum(axis=(1, 2))[:, None, None, None]
    return ((forged.astype(float) - frames) * weights).sum(axis=(1, 2))


@pytest.mark.parametrize("forge", [_swap, _flicker])
def test_nothing_changes_outside_the_mask_and_every_frame_inside(video, forge):
    _, _, _, frames, masks = video
    forged = forge(video)
    assert forged.dtype == np.uint8
    assert forged.shape == frames.shape
    np.testing.assert_array_equal(forged[masks == 0], frames[masks == 0])
    for before, after, mask in zip(frames, forged, masks, strict=True):
        assert np.abs(after.astype(int) - before)[mask > 0.5].mean() > 1


@pytest.mark.parametrize("forge", [_swap, _flicker])
def test_rng_decides_the_forgery(video, forge):
    np.testing.assert_array_equal(forge(video, 5), forge(video, 5))
    assert (forge(video, 5) != forge(video, 6)).any()


def test_swap_is_constant_in_time_and_flicker_is_not(video):
    mean = video[3].mean()
    swap = np.abs(np.diff(_difference(_swap(video), video), axis=0)).mean()
    flicker = np.abs(np.diff(_difference(_flicker(video), video), axis=0)).mean()
    assert swap < 0.015 * mean
    assert flicker > 0.04 * mean


def test_swap_shows_the_source_and_is_coarse(video):
    target, _, moves, frames, masks = video
    same = forgeries.identity_swap(
        frames, masks, target, target, moves, np.random.default_rng(0)
    ).astype(int)
    assert np.abs(_swap(video) - same)[masks > 0.9].mean() > 1
    core = masks > 0.99

    def sharpness(images):
        return np.abs(np.diff(images.astype(float), axis=2))[core[:, :, 1:]].mean()

    assert sharpness(_swap(video)) < 0.8 * sharpness(frames)


def test_reorder_keeps_each_window_as_a_set_and_breaks_its_order(video):
    frames = video[3]
    forged = forgeries.reorder(frames, np.random.default_rng(0))
    for start in (0, 10):
        given = [f.tobytes() for f in frames[start : start + 10]]
        shown = [f.tobytes() for f in forged[start : start + 10]]
        assert len(set(given)) == 10
        assert sorted(given) == sorted(shown)
        assert given != shown


def test_reorder_needs_whole_windows(video):
    with pytest.raises(ValueError, match="15 frames"):
        forgeries.reorder(video[3][:15], np.random.default_rng(0))


def test_broken_order_looks_like_no_smooth_motion():
    rng = np.random.default_rng(0)
    orders = [forgeries.broken_order(rng) for _ in range(300)]
    for order in orders:
        steps = np.diff(order)
        assert sorted(order) == list(range(10))
        assert (np.abs(steps) == 1).sum() <= 1
        assert (np.sign(steps[1:]) != np.sign(steps[:-1])).sum() >= 4
    assert len({tuple(order) for order in orders}) == 300
    assert np.abs(np.mean(orders, axis=0) - 4.5).max() < 0.8
