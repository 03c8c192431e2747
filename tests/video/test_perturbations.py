import cv2
import numpy as np
import pytest

from fdd.video import perturbations
from fdd.video.clips import extract_clips
from fdd.video.preprocessing import Preprocessing


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    base = cv2.blur(rng.integers(0, 255, (95, 127, 3), dtype=np.uint8), (3, 3))
    return [np.roll(base, shift, axis=1) for shift in range(10)]


def _distance(first, second):
    return float(np.mean(np.abs(np.asarray(first, float) - np.asarray(second, float))))


@pytest.mark.parametrize("kind", perturbations.KINDS)
def test_every_level_does_more_damage_and_always_the_same(frames, kind):
    original = [frame.copy() for frame in frames]
    results = [perturbations.perturb(frames, kind, level) for level in perturbations.LEVELS]
    for result in results:
        assert len(result) == 10
        assert {(frame.shape, frame.dtype.name) for frame in result} == {((95, 127, 3), "uint8")}
    damage = [_distance(result, frames) for result in results]
    assert damage == sorted(damage)
    assert 0 < damage[0] < damage[-1]
    again = perturbations.perturb(frames, kind, 3)
    np.testing.assert_array_equal(again, results[2])
    np.testing.assert_array_equal(frames, original)


def test_there_are_seven_kinds_and_no_level_six(frames):
    assert len(perturbations.KINDS) == 7
    with pytest.raises(ValueError, match="level must be from 1 to 5"):
        perturbations.perturb(frames, "blur", 6)
    with pytest.raises(KeyError):
        perturbations.perturb(frames, "rain", 1)


def test_damage_happens_before_the_crop_and_leaves_the_crop_where_it_was(tree):
    path = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[0]
    spec = Preprocessing(image_size=64, sampling="first")
    plain = extract_clips(path, spec)
    gray = extract_clips(path, spec, damage=lambda f: perturbations.perturb(f, "saturation", 5))
    assert gray.people[0][0].crop == plain.people[0][0].crop
    picture = cv2.imdecode(np.frombuffer(gray.people[0][0].frames[0], np.uint8), cv2.IMREAD_COLOR)
    assert np.ptp(picture.astype(int), axis=2).max() <= 12
