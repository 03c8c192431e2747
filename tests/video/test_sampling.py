import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from fdd.video.sampling import DRIFT, SAMPLINGS, TOLERANCE, check, plan

SPACING = 1 / 25
RATES = st.integers(1, 240) | st.sampled_from([23.976, 24 / 1.001, 29.97, 30 / 1.001, 12.5, 59.94])


def _times(num_frames, rate, unit=None):
    """When the frames of a video of constant rate are shown; stamps are multiples of `unit`."""
    times = np.arange(num_frames) / rate
    return (times if unit is None else np.round(times / unit) * unit).tolist()


@hypothesis.given(
    st.integers(0, 900),
    st.integers(1, 12),
    st.sampled_from(SAMPLINGS),
    st.integers(1, 8),
    st.sampled_from([0, SPACING]),
)
def test_a_video_of_the_grids_rate_is_cut_by_counting(length, size, sampling, count, spacing):
    """As many frames per second as the grid has: clips are runs of frames, as without times."""
    made = plan(_times(length, 25), size, sampling, count, spacing)
    assert made.clips == plan(_times(length, 7), size, sampling, count, 0).clips
    assert not made.missing
    assert bool(made.clips) == (length >= size)
    if sampling == "uniform" or not made.clips:
        return
    room = length - size
    starts = np.linspace(0, room, count) if count > 1 else np.array([room / 2])
    starts = [0] if sampling == "first" else sorted({int(s) for s in np.floor(starts + 0.5)})
    assert list(made.clips.values()) == [tuple(range(s, s + size)) for s in starts]


@hypothesis.given(
    st.lists(st.integers(0, 400), max_size=200),
    st.integers(1, 12),
    st.sampled_from(SAMPLINGS),
    st.integers(1, 8),
    st.sampled_from([0, 0.01, SPACING, 1.0]),
)
def test_clips_are_ascending_distinct_frames_near_their_grid(waits, size, sampling, count, spacing):
    """For any time stamps in order: gaps, several frames at one time, any rate."""
    times = (np.cumsum(waits) / 1000).tolist()
    made = plan(times, size, sampling, count, spacing)
    assert made.num_clips <= count
    assert sorted([*made.clips, *made.missing]) == list(range(made.num_clips))
    assert len(set(made.clips.values())) == len(made.clips)
    for clip in made.clips.values():
        assert len(clip) == size
        assert clip[0] >= 0 and clip[-1] < len(times)
        assert all(a < b for a, b in itertools.pairwise(clip))
        if sampling != "uniform" and spacing:
            grid = times[clip[0]] + spacing * np.arange(size)
            off = np.abs([times[i] for i in clip] - grid) / spacing
            assert (off <= TOLERANCE + DRIFT * np.arange(size) + 1e-3).all()


@hypothesis.given(RATES, st.integers(2, 30), st.integers(1, 8), st.sampled_from([None, 0.001]))
def test_every_rate_is_cut_or_refused(rate, size, count, unit):
    """Stamps are exact, or whole milliseconds as in Matroska files."""
    times = _times(round(4 * rate) + 2 * size, rate, unit)
    made = plan(times, size, "consecutive", count, SPACING)
    assert made.num_clips == count
    if rate >= 23.9:
        assert len(made.clips) == count
        assert made.clips[count - 1][-1] >= len(times) - 1 - rate * SPACING or count == 1
        assert made.clips[0][0] == 0 or count == 1
    if rate <= 12.5 or (rate <= 20 and size >= 6):
        assert not made.clips
        assert made.step == pytest.approx(1 / rate, abs=0.001)
        assert all("seconds pass between" in reason for reason in made.missing.values())
    for clip in made.clips.values():
        spans = (times[clip[-1]] - times[clip[0]]) / ((size - 1) * SPACING)
        assert spans == pytest.approx(1, abs=0.05 + (TOLERANCE + 0.05) / (size - 1))


@pytest.mark.parametrize("rate", [23.976, 24, 24.5, 25])
def test_a_slightly_slower_video_gives_runs_of_its_frames(rate):
    made = plan(_times(300, rate, 1 / 90000), 30, "consecutive", 5, SPACING)
    assert [clip[-1] - clip[0] for clip in made.clips.values()] == [29] * 5
    assert [made.clips[0][0], made.clips[4][-1]] == [0, 299]


@pytest.mark.parametrize(
    ("rate", "clip"),
    [
        (30, (0, 1, 2, 4, 5, 6, 7, 8, 10, 11)),
        (50, tuple(range(0, 20, 2))),
        (60, (0, 2, 5, 7, 10, 12, 14, 17, 19, 22)),
        (120, (0, 5, 10, 14, 19, 24, 29, 34, 38, 43)),
        (25, tuple(range(10))),
    ],
)
def test_a_faster_video_is_thinned(rate, clip):
    assert plan(_times(300, rate), 10, "first", 1, SPACING).clips == {0: clip}


@pytest.mark.parametrize("wait", [1 / 8, 1 / 12.5, 3600])
def test_a_video_too_slow_says_how_slow(wait):
    made = plan([wait * i for i in range(100)], 10, "consecutive", 3, SPACING)
    assert not made.clips
    assert made.step == pytest.approx(wait)
    assert made.missing[0] == (
        f"{wait:.3g} seconds pass between two of its frames, which should be 0.04 apart"
    )


def test_no_clip_lies_across_a_gap():
    """Two seconds, a cut of five seconds, two seconds; and the same with frames doubled in time."""
    parts = np.concatenate([np.arange(50), np.arange(50) + 175]) / 25
    for times in (parts, np.repeat(parts, 2)):
        made = plan(times.tolist(), 10, "consecutive", 7, SPACING)
        assert made.clips and made.missing
        for clip in made.clips.values():
            assert np.diff(times[list(clip)]).max() < 2 * SPACING
        assert all(reason.startswith("5.04 seconds pass") for reason in made.missing.values())


def test_a_single_frame_may_be_missing_at_thirty_a_second():
    for lost in range(1, 40):
        times = _times(40, 30)
        del times[lost]
        made = plan(times, 10, "consecutive", 3, SPACING)
        assert len(made.clips) == 3, lost


@pytest.mark.parametrize(("rate", "fewest"), [(25, 10), (24, 10), (30, 12), (60, 23), (120, 44)])
def test_the_shortest_video_with_a_clip(rate, fewest):
    assert len(plan(_times(fewest, rate), 10, "consecutive", 4, SPACING).clips) == 1
    assert plan(_times(fewest - 1, rate), 10, "consecutive", 4, SPACING).num_clips == 0


def test_uniform_frames_are_spread_evenly_over_time():
    (clip,) = plan(_times(100, 25), 10, "uniform", 1, SPACING).clips.values()
    assert clip == (5, 15, 25, 35, 45, 55, 65, 75, 85, 95)
    two = plan(_times(100, 25), 10, "uniform", 2, SPACING).clips
    assert sorted(two[0] + two[1]) == list(range(2, 100, 5))
    # Half of the time runs at 50 frames per second, the other half at 25.
    mixed = [i / 50 for i in range(100)] + [2 + i / 25 for i in range(50)]
    (clip,) = plan(mixed, 10, "uniform", 1, SPACING).clips.values()
    assert np.diff([mixed[i] for i in clip]) == pytest.approx(0.4, abs=0.04)
    assert plan(mixed, 10, "uniform", 1, 0).clips == {0: tuple(range(7, 150, 15))}
    hourly = plan([3600.0 * i for i in range(20)], 10, "uniform", 2, SPACING).clips
    assert hourly == {0: tuple(range(0, 20, 2)), 1: tuple(range(1, 20, 2))}


@pytest.mark.parametrize(
    "wrong", [(10, "random", 1, 0), (0, "first", 1, 0), (10, "first", 0, 0), (1, "first", 1, -1)]
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError):
        check(*wrong)
    with pytest.raises(ValueError):
        plan([0.0], *wrong)
