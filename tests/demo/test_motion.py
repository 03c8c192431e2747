"""Behaviour of the motion of drawn heads."""

import dataclasses

import numpy as np
import pytest

from fdd.demo import motion

_LARGEST_STEP = {
    "yaw": 0.07,
    "pitch": 0.035,
    "roll": 0.025,
    "shift_x": 0.03,
    "shift_y": 0.02,
    "gaze_x": 0.26,
    "gaze_y": 0.16,
    "eye_open": 0.4,
    "mouth_open": 0.55,
    "smile": 0.22,
    "light": 0.2,
}


def _motions(count: int = 50, num_frames: int = 40) -> list[motion.Motion]:
    return [motion.sample_motion(np.random.default_rng(i), num_frames) for i in range(count)]


@pytest.mark.parametrize("name", motion.FIELDS)
def test_steps_are_small_beside_the_range(name):
    curves = np.stack([getattr(m, name) for m in _motions()])
    assert curves.shape == (50, 40)
    assert 0 < np.abs(np.diff(curves)).max() <= _LARGEST_STEP[name]


def test_light_swings_by_about_forty_percent_within_a_window_or_three():
    for curve in (m.light for m in _motions(num_frames=300)):
        assert 0.33 < curve.max() - 1 < 0.43
        assert 0.33 < 1 - curve.min() < 0.43
        rises = np.flatnonzero((curve[:-1] < 1) & (curve[1:] >= 1))
        assert 13 <= np.diff(rises).mean() <= 31


def test_opening_of_eyes_and_mouth_stay_in_range():
    for m in _motions():
        for curve in (m.eye_open, m.mouth_open):
            assert curve.min() >= 0
            assert curve.max() <= 1


def test_people_blink():
    longest_open = max(np.diff(np.flatnonzero(m.eye_open < 0.5)).max() for m in _motions(20, 300))
    assert longest_open < 80


def test_states_are_the_columns_of_the_motion():
    m = _motions(1)[0]
    states = m.states()
    assert len(states) == len(m) == 40
    for name in motion.FIELDS:
        assert [dataclasses.asdict(s)[name] for s in states] == getattr(m, name).tolist()


def test_same_seed_same_motion_and_another_seed_another():
    a, b = _motions(2)
    again = _motions(1)[0]
    assert a.states() == again.states()
    assert a.states() != b.states()


def test_smooth_curve_keeps_its_bounds():
    curve = motion.smooth_curve(np.random.default_rng(1), 500, 20, 40)
    assert np.abs(curve).max() <= 1
    assert np.abs(np.diff(curve)).max() <= 2 * np.pi / 20
