import numpy as np
import pytest

from fdd.data import augment
from fdd.detector import Detector
from fdd.steps import variables_for_evaluation
from fdd.video.clips import extract_clips


@pytest.fixture(scope="module")
def detector(finished):
    return Detector.load(finished)


@pytest.fixture
def clips(detector, tree):
    video = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[0]
    return extract_clips(video, detector.preprocessing).people[0]


def test_maps_sum_to_what_frames_contribute(detector, clips):
    maps, contributions = detector.explain(clips)
    assert maps.shape == (2, 10, 4, 4)
    np.testing.assert_allclose(maps.sum(axis=(2, 3)), contributions, rtol=1e-4, atol=1e-6)
    assert np.ptp(maps, axis=(2, 3)).min() > 0


def test_contributions_are_the_slope_of_the_logit(detector, clips):
    """Scaling one frame's features moves the logit as that frame's contribution says."""
    _, contributions = detector.explain(clips)
    task, variables = detector.task, variables_for_evaluation(detector.state)
    frames = np.stack([clip.images() for clip in clips])
    frames = augment.normalize(frames, task.mean, task.std)
    features = task.model.apply(variables, frames, train=False, method="encode")
    for frame in (0, 4, 9):
        step = np.zeros((1, 10, 1), np.float32)
        step[0, frame] = 0.02
        up, down = (
            task.model.apply(variables, features * (1 + sign * step), train=False, method="judge")
            for sign in (1, -1)
        )
        np.testing.assert_allclose(
            (up - down) / 0.04, contributions[:, frame], rtol=0.02, atol=1e-4
        )


def test_a_clip_is_explained_whatever_stands_beside_it(detector, clips):
    both = detector.explain(clips)
    alone = detector.explain(clips[1:])
    np.testing.assert_allclose(both.maps[1], alone.maps[0], rtol=1e-4, atol=1e-6)
