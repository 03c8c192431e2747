"""Fakes in a batch of training, and for an evaluation."""

import functools
import logging

import jax
import numpy as np

from fdd.training import blending

CLIPS, FRAMES, SIZE = 4, 3, 24
SETTINGS = blending.Settings()
MARKS = np.tile(
    np.array([[8, 8], [16, 8], [12, 12], [9, 16], [15, 16]], np.float32), (CLIPS, FRAMES, 1, 1)
)


def _batch(clips=CLIPS, first=0, every=2):
    frames = np.random.default_rng(0).integers(0, 256, (CLIPS, FRAMES, SIZE, SIZE, 3), np.uint8)
    return {
        "frames": frames[:clips],
        "landmarks": MARKS[:clips],
        "label": np.zeros(clips, np.float32),
        "position": np.arange(first, first + every * clips, every, dtype=np.int32),
    }


@functools.cache
def _program(both):
    with_fakes = functools.partial(blending.with_fakes, settings=SETTINGS, both=both)
    return jax.jit(with_fakes)


def _with_fakes(batch, both=False, seed=0):
    return jax.tree.map(np.asarray, _program(both)(batch, seed=seed))


def test_each_clip_is_followed_by_its_fake():
    batch = _with_fakes(_batch())
    assert batch["frames"].shape == (2 * CLIPS, FRAMES, SIZE, SIZE, 3)
    assert batch["frames"].dtype == np.uint8
    assert batch["label"].tolist() == [0, 1] * CLIPS
    assert batch["position"].tolist() == list(range(2 * CLIPS))
    differ = (batch["frames"][::2] != batch["frames"][1::2]).any(axis=(1, 2, 3, 4))
    assert differ.any()


def test_a_clips_fake_depends_on_its_position_and_the_seed_alone():
    ours = _with_fakes(_batch())["frames"]
    others = _batch()
    others["frames"][1:] = 7
    np.testing.assert_array_equal(_with_fakes(others)["frames"][:2], ours[:2])
    assert (_with_fakes(_batch(first=2))["frames"][1] != ours[1]).any()
    assert (_with_fakes(_batch(), seed=1)["frames"][1] != ours[1]).any()


def test_both_replaces_about_half_of_the_recorded_fakes_and_nothing_else():
    replaced = []
    for first in range(0, 400, CLIPS):
        batch = _batch(first=first, every=1)
        found = _with_fakes(batch, both=True)
        assert found["position"].tolist() == batch["position"].tolist()
        same = (found["frames"] == batch["frames"]).all(axis=(1, 2, 3, 4))
        for genuine, fake in same.reshape(-1, 2):
            assert genuine or not fake, "a recorded fake with a genuine clip that is not its own"
            replaced.append(not fake)
    # Each is replaced with probability 1/2: four standard deviations of their number.
    assert abs(np.sum(replaced) - len(replaced) / 2) < 2 * np.sqrt(len(replaced))


def test_an_evaluation_draws_otherwise_and_the_same_each_time(caplog):
    batch = _batch()
    fakes = blending.for_evaluation(SETTINGS, 0)
    given = batch["position"], batch["frames"], batch["landmarks"]
    once, again = np.asarray(fakes(*given)), np.asarray(fakes(*given))
    np.testing.assert_array_equal(once, again)
    assert (once != _with_fakes(batch)["frames"][1::2]).any(axis=(1, 2, 3, 4)).all()
    with jax.log_compiles(), caplog.at_level(logging.WARNING):  # Each validation asks anew.
        blending.for_evaluation(SETTINGS, 0)(*given)
    assert "Finished tracing" not in caplog.text
    assert once.dtype == np.uint8
