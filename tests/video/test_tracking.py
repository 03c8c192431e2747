import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from fdd.video.faces import Face
from fdd.video.tracking import Sighting, Tracker, look

SIDE = 40.0


def _look(colour):
    image = np.full((8, 8, 3), colour, np.uint8)
    return look(image, Face(box=(0.0, 0.0, 8.0, 8.0), score=1.0))


RED, BLUE = _look((220, 120, 100)), _look((90, 120, 200))


def _seen(seconds, x, y=0.0, colours=RED, side=SIDE):
    face = Face(box=(x, y, x + side, y + side), score=0.9)
    return Sighting(frame=round(seconds * 25), seconds=seconds, face=face, look=colours)


def _numbers(frames):
    """The person's number of each face of each frame, and the tracker."""
    tracker = Tracker()
    return [tracker.add(frame) for frame in frames], tracker


@hypothesis.given(st.floats(-400, 400), st.sampled_from([0.04, 0.12]), st.integers(2, 20))
def test_a_head_is_one_person_up_to_ten_faces_a_second(speed, wait, count):
    frames = [[_seen(wait * i, speed * wait * i)] for i in range(count)]
    numbers, tracker = _numbers(frames)
    assert numbers == [[0]] * count
    assert tracker.perhaps_one([0]) == tracker.crossed([0]) == []


@hypothesis.given(
    st.integers(2, 6), st.floats(1.0, 3.0), st.data(), st.sampled_from([0.04, 0.12, 2.0])
)
def test_people_side_by_side_stay_apart(count, distance, data, wait):
    """Alike, a face's width apart or more, now and then not found, listed in any order."""
    places = [distance * SIDE * number for number in range(count)]
    frames = [[_seen(0.0, place) for place in places]]
    for i in range(1, 6):
        found = data.draw(st.permutations(range(count)).map(lambda order: order[1:]))
        frames.append([_seen(wait * i, places[number] + i % 2) for number in found])
    numbers, tracker = _numbers(frames)
    for frame, persons in zip(frames, numbers, strict=True):
        for sighting, person in zip(frame, persons, strict=True):
            assert abs(sighting.face.box[0] - places[person]) < SIDE / 2
    assert tracker.perhaps_one(range(count)) == []


@pytest.mark.parametrize("other", [RED, BLUE])
def test_two_who_cross_each_other_keep_their_numbers(other):
    """Alike or not: their motion tells which is which."""
    frames = [
        [_seen(0.12 * i, 30.0 * i), _seen(0.12 * i, 300.0 - 30.0 * i, 24.0, other)]
        for i in range(11)
    ]
    numbers, tracker = _numbers(frames)
    assert numbers == [[0, 1]] * 11
    assert tracker.crossed([0, 1]) == []
    assert tracker.perhaps_one([0, 1]) == []


def test_two_who_meet_may_be_mixed_up():
    frames = [
        [_seen(0.0, 0), _seen(0.0, 60)],
        [_seen(0.12, 20), _seen(0.12, 40)],
        [_seen(0.24, 28), _seen(0.24, 32)],
    ]
    _, tracker = _numbers(frames)
    assert tracker.crossed([0, 1]) == [(0, 1)]
    assert tracker.crossed([0]) == []


def test_a_cut_to_somebody_else_in_the_same_place():
    numbers, tracker = _numbers([[_seen(0.0, 0)], [_seen(0.12, 2)], [_seen(0.24, 1, 0, BLUE)]])
    assert numbers == [[0], [0], [1]]
    assert tracker.perhaps_one([0, 1]) == []


def test_one_who_leaves_and_comes_back():
    """In the same place: the same person. Elsewhere: perhaps."""
    frames = [[_seen(0.0, 0)], [], [_seen(9.0, 8)], [_seen(20.0, 300)], [_seen(20.1, 301)]]
    numbers, tracker = _numbers(frames)
    assert numbers == [[0], [], [0], [1], [1]]
    assert tracker.perhaps_one([0, 1]) == [(0, 1)]
    assert tracker.perhaps_one([0]) == []


def test_people_who_are_seen_together_are_not_one():
    frames = [[_seen(0.0, 0)], [_seen(9.0, 300)], [_seen(9.2, 0), _seen(9.2, 300)]]
    _, tracker = _numbers(frames)
    assert tracker.perhaps_one([0, 1]) == []


def test_frames_may_come_in_any_order():
    """Clips that interleave, and a frame that two clips share."""
    frames = [[_seen(t, 150 * t)] for t in (0.0, 0.4, 0.8, 0.1, 0.5, 0.9, 0.4)]
    assert _numbers(frames)[0] == [[0]] * 7


def test_a_look_does_not_depend_on_the_light():
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(60, 200, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    face = Face(box=(0.0, 0.0, 64.0, 64.0), score=1.0)
    bright, dark = look(picture, face), look((picture * 0.8).astype(np.uint8), face)
    other = look(picture[..., ::-1], face)
    assert bright.sum() == pytest.approx(1, abs=1e-5)
    assert np.abs(bright - dark).sum() < np.abs(bright - other).sum()
    outside = look(picture, Face(box=(100.0, 100.0, 120.0, 120.0), score=1.0))
    assert outside.sum() == pytest.approx(1, abs=1e-5)
