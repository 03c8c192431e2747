import functools

import jax
import numpy as np
import pytest

from fdd.inference.detector import Detector
from fdd.training.steps import normalized, variables_for_evaluation
from fdd.video.clips import extract_clips
from tests.rounding import SAME, in_float64

pytestmark = pytest.mark.usefixtures("float64")  # So that a tolerance hides nothing.


@pytest.fixture(scope="module")
def detector(finished):
    with jax.enable_x64(True):
        return in_float64(Detector.load(finished))


@pytest.fixture
def clips(detector, tree):
    video = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[0]
    return extract_clips(video, detector.preprocessing).people[0]


def test_maps_sum_to_what_frames_contribute(detector, clips):
    maps, contributions = detector.explain(clips)
    assert maps.shape == (2, 10, 8, 8)
    np.testing.assert_allclose(maps.sum(axis=(2, 3)), contributions, rtol=SAME, atol=SAME)
    assert np.ptp(maps, axis=(2, 3)).min() > 0


def test_contributions_are_the_slope_of_the_logit(detector, clips):
    """Scaling one frame's features changes the logit by that frame's contribution."""
    _, contributions = detector.explain(clips)
    task, variables = detector.task, variables_for_evaluation(detector.state)
    frames = normalized(np.stack([clip.images() for clip in clips]), task)
    apply = functools.partial(task.model.apply, variables, train=False)
    features = jax.jit(functools.partial(apply, method="encode"))(frames)
    classify = jax.jit(functools.partial(apply, method="classify"))
    for frame in (0, 4, 9):
        step = np.zeros((1, 10, 1))
        step[0, frame] = 1e-4
        up, down = (classify(features * (1 + sign * step)) for sign in (1, -1))
        slope = (up - down) / 2e-4  # Off by the square of the step.
        np.testing.assert_allclose(slope, contributions[:, frame], rtol=1e-6, atol=1e-7)


def test_an_explanation_does_not_depend_on_other_clips(detector, clips):
    both = detector.explain(clips)
    alone = detector.explain(clips[1:])
    np.testing.assert_allclose(both.maps[1], alone.maps[0], rtol=SAME, atol=SAME)
