import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from fdd.video.sampling import SAMPLINGS, clip_frame_indices


@hypothesis.given(
    st.integers(0, 900), st.integers(1, 12), st.sampled_from(SAMPLINGS), st.integers(1, 8)
)
def test_clips_are_ascending_distinct_frames_of_the_video(num_video_frames, size, sampling, count):
    clips = clip_frame_indices(num_video_frames, size, sampling, count)
    assert bool(clips) == (num_video_frames >= size)
    assert len(clips) <= count
    for clip in clips:
        assert len(clip) == size
        assert all(a < b for a, b in itertools.pairwise(clip))
        assert clip[0] >= 0
        assert clip[-1] < num_video_frames
        if sampling != "uniform":
            assert clip[-1] - clip[0] == size - 1
    assert len({tuple(clip) for clip in clips}) == len(clips)


def test_first_is_the_first_frames():
    assert clip_frame_indices(300, 10, "first", 1) == [list(range(10))]


def test_consecutive_runs_reach_from_beginning_to_end():
    clips = clip_frame_indices(40, 10, "consecutive", 4)
    assert [clip[0] for clip in clips] == [0, 10, 20, 30]
    assert clip_frame_indices(300, 10, "consecutive", 4)[-1][-1] == 299


def test_uniform_frames_are_spread_evenly():
    (clip,) = clip_frame_indices(100, 10, "uniform", 1)
    assert clip == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]
    two = clip_frame_indices(100, 10, "uniform", 2)
    assert sorted(two[0] + two[1]) == list(range(2, 100, 5))


@pytest.mark.parametrize(
    "arguments", [(10, 10, "random", 1), (10, 0, "first", 1), (10, 10, "first", 0)]
)
def test_wrong_arguments(arguments):
    with pytest.raises(ValueError):
        clip_frame_indices(*arguments)
