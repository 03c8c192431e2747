"""Behaviour of the drawing: people that a face detector finds, and motion below a pixel."""

import dataclasses
import itertools

import numpy as np

from fdd.demo import drawing, identities, motion
from fdd.video import faces

SIZE = 192


def _person(seed: int) -> tuple[identities.Identity, motion.Motion]:
    identity = identities.sample_identity(np.random.default_rng([seed, 0]))
    return identity, motion.sample_motion(np.random.default_rng([seed, 1]), 40)


def test_identities_differ_and_follow_their_seed():
    people = [_person(seed)[0] for seed in range(200)]
    assert len(set(people)) == 200
    assert people[3] == _person(3)[0]
    assert {p.hair_style for p in people} == set(identities.HAIR_STYLES)
    assert {p.clothes for p in people} == set(identities.CLOTHES)
    assert {p.backdrop for p in people} == set(identities.BACKDROPS)
    luma = [np.mean(p.skin) for p in people]
    assert min(luma) < 90
    assert max(luma) > 190


def test_detector_finds_one_face_in_extreme_frames():
    for seed in range(100):
        identity, moves = _person(seed)
        states = moves.states()
        for extreme in (moves.light.argmin(), moves.light.argmax(), moves.eye_open.argmin()):
            found = faces.detect_faces(drawing.draw_frame(identity, states[extreme], SIZE))
            assert len(found) == 1, (seed, extreme)
            rows, columns = np.nonzero(
                drawing.inner_face_mask(identity, states[extreme], SIZE) > 0.5
            )
            inner = (columns.min(), rows.min(), columns.max(), rows.max())
            assert faces.overlap(found[0].box, inner) > 0.4, (seed, extreme)


def test_frame_is_a_function_of_its_arguments():
    identity, moves = _person(1)
    states = moves.states()
    first = drawing.draw_frame(identity, states[0], SIZE)
    drawing.draw_frame(identity, states[9], SIZE)
    drawing.draw_frame(_person(2)[0], states[0], SIZE)
    again = drawing.draw_frame(identity, states[0], SIZE)
    assert first.dtype == np.uint8
    assert first.shape == (SIZE, SIZE, 3)
    np.testing.assert_array_equal(first, again)


def test_head_moves_by_parts_of_a_pixel():
    identity, moves = _person(4)
    state = moves.states()[0]
    frames = [
        drawing.draw_frame(identity, dataclasses.replace(state, shift_x=0.002 * i), SIZE)
        for i in range(10)
    ]
    steps = [np.abs(b.astype(int) - a).sum() for a, b in itertools.pairwise(frames)]
    assert min(steps) > 0
    assert max(steps) < 3 * min(steps)


def test_neighbouring_frames_are_alike():
    for seed in range(5):
        identity, moves = _person(seed)
        frames = np.stack([drawing.draw_frame(identity, s, 96) for s in moves.states()])
        near = np.abs(np.diff(frames.astype(int), axis=0)).mean(axis=(1, 2, 3))
        far = np.abs(frames[7:].astype(int) - frames[:-7]).mean(axis=(1, 2, 3))
        assert near.max() < 20
        assert near.mean() < 0.5 * far.mean()


def test_light_brightens_the_face_without_clipping_it():
    for seed in range(20):
        identity, moves = _person(seed)
        state = moves.states()[0]
        mask = drawing.inner_face_mask(identity, state, SIZE) > 0.9
        means = []
        for light in (0.6, 1.0, 1.4):
            frame = drawing.draw_frame(identity, dataclasses.replace(state, light=light), SIZE)
            means.append(frame[mask].mean())
            assert (frame[mask] == 255).mean() < 0.01
        assert means[0] < 0.8 * means[1] < means[1] < 0.9 * means[2]


def test_mask_is_soft_and_inside_the_face():
    identity, moves = _person(5)
    for state in moves.states()[::10]:
        mask = drawing.inner_face_mask(identity, state, SIZE)
        assert mask.dtype == np.float32
        assert mask.shape == (SIZE, SIZE)
        assert mask.min() == 0
        assert mask.max() == 1
        assert 0.05 < mask.mean() < 0.3
        assert np.abs(np.diff(mask, axis=0)).max() < 0.2
        box = faces.detect_faces(drawing.draw_frame(identity, state, SIZE))[0].box
        rows, columns = np.nonzero(mask)
        assert columns.min() > box[0] - 12
        assert columns.max() < box[2] + 12
        assert rows.max() < box[3] + 12
