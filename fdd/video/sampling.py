"""Which frames of a video make its clips: a pure function of the frames' times.

Clips are cut by time, because a detector learns how much changes from one frame of a clip to the
next. In a video of 60 frames per second, half as much changes from frame to frame as in one of 30.
A clip has a grid of times, `spacing` seconds apart, which starts at its first frame. Frame k of the
clip is the frame nearest to grid point k, or the following frame if the clip already has that one.
It may be off its grid point by at most (0.9 + 0.05 k) spacings; otherwise there is no such clip:

- The tolerance is below one spacing, so a video with half the grid's rate or less gives no clip;
  but at 30 frames per second one frame may be missing.
- The tolerance grows with k, so a video may run up to 5 % slower than the grid and each of its
  frames is used: 23.976 and 24 frames per second for a grid of 25. A video of 20 frames per second
  or fewer is too slow for clips of six or more frames, one of 12.5 for clips of two.
- Of a faster video some frames are left out, and no clip spans a gap.
"""

import bisect
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")

SAMPLINGS = ("first", "uniform", "consecutive")
TOLERANCE = 0.9  # How far a frame may be off its grid point, in spacings;
DRIFT = 0.05  # the tolerance grows by this with each frame of the clip.
_EQUAL = 1e-6  # Times that differ by less (in seconds or frames) count as equal.


@dataclasses.dataclass(frozen=True)
class Plan:
    """The clips of a video.

    Attributes:
        clips: Ascending, distinct indices of each clip's frames, by the clip's number.
        missing: Why a clip is missing, by its number.
        step: The longest time in seconds between two successive frames of a missing clip.
    """

    clips: Mapping[int, tuple[int, ...]]
    missing: Mapping[int, str]
    step: float = 0.0

    @property
    def num_clips(self) -> int:
        """How many clips the video should have; 0 if it is too short for one."""
        return len(self.clips) + len(self.missing)


def check(num_frames: int, sampling: str, clips_per_video: int, spacing: float) -> None:
    """Checks the settings of `plan`.

    Raises:
        ValueError: the sampling is unknown, a count is not positive, or the spacing is negative or
            not finite.
    """
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling must be one of {', '.join(SAMPLINGS)}, not '{sampling}'")
    if num_frames < 1 or clips_per_video < 1:
        raise ValueError("num_frames and clips_per_video must be at least 1")
    if not 0 <= spacing < float("inf"):
        raise ValueError(f"spacing must be 0 or a positive number of seconds, not {spacing}")


def plan(
    seconds: Sequence[float], num_frames: int, sampling: str, clips_per_video: int, spacing: float
) -> Plan:
    """Chooses the frames of each clip of a video.

    Args:
        seconds: Time of every frame of the video, in order.
        num_frames: Number of frames in a clip.
        sampling: 'first': one clip, at the beginning of the video. 'consecutive': the first frames
            of the clips are spread evenly from the video's beginning to the last position with
            room for a clip. 'uniform': each clip is spread over the whole video. The video is
            divided into equal intervals, one per frame to choose; the frame shown in the middle of
            each is taken. Several clips interleave.
        clips_per_video: Number of clips; a video that is too short for all gives the distinct ones.
        spacing: Seconds between two frames of a clip, for the samplings 'first' and 'consecutive'.
            0: in all samplings, frames are counted instead of timed; then these two take
            consecutive frames, whatever the video's frame rate.

    Raises:
        ValueError: see `check`.
    """
    check(num_frames, sampling, clips_per_video, spacing)
    if len(seconds) < num_frames:
        return Plan(clips={}, missing={})
    if sampling == "uniform":
        times = seconds if spacing else range(len(seconds))
        return Plan(clips=dict(enumerate(_spread(times, num_frames, clips_per_video))), missing={})
    times, step = (seconds, spacing) if spacing else (range(len(seconds)), 1.0)
    starts = [0] if sampling == "first" else _starts(times, num_frames, clips_per_video, step)
    clips, missing, longest = {}, {}, 0.0
    for number, start in enumerate(starts):
        clip, whole = _on_grid(times, start, num_frames, step)
        if whole:
            clips[number] = clip
        elif len(clip) == num_frames:  # It would be too far off the grid.
            wait = float(np.max(np.diff(times[clip[0] : clip[-1] + 2])))
            longest = max(longest, wait)
            missing[number] = (
                f"{wait:.3g} seconds pass between two of its frames, which should be "
                f"{spacing:.3g} apart"
            )
    return Plan(clips=clips, missing=missing, step=longest)


def middle(clip: Sequence[Item]) -> Item:
    """What is in the middle of a clip's frames, or of their numbers or times; of two, the later."""
    return clip[len(clip) // 2]


def _on_grid(
    times: Sequence[float], start: int, num_frames: int, step: float
) -> tuple[tuple[int, ...], bool]:
    """The frames nearest to a clip's grid (fewer at its end); whether all are near enough."""
    chosen, near = [start], True
    end = times[-1] + (times[-1] - times[max(0, len(times) - 2)]) / 2  # Nothing is shown after.
    for position in range(1, num_frames):
        wanted = times[start] + position * step
        index = max(_nearest(times, wanted), chosen[-1] + 1)
        if index == len(times) or wanted > end + _EQUAL:
            return tuple(chosen), False
        chosen.append(index)
        off = abs(times[index] - wanted)
        near = near and off <= (TOLERANCE + DRIFT * position) * step + _EQUAL
    return tuple(chosen), near


def _nearest(times: Sequence[float], wanted: float) -> int:
    """The frame nearest to a time; of two equally near, the later."""
    later = bisect.bisect_left(times, wanted - _EQUAL)
    if later == len(times) or later == 0:
        return min(later, len(times) - 1)
    return later if times[later] - wanted <= wanted - times[later - 1] + _EQUAL else later - 1


def _starts(times: Sequence[float], num_frames: int, count: int, step: float) -> list[int]:
    """The first frames of the clips, spread over a video; empty if there is room for none."""
    last = len(times) - num_frames
    while len(_on_grid(times, last, num_frames, step)[0]) < num_frames:
        if last == 0:
            return []
        last -= 1
    begin, end = times[0], times[last]
    wanted = np.linspace(begin, end, count) if count > 1 else [(begin + end) / 2]
    return sorted({min(_nearest(times, float(time)), last) for time in wanted})


def _spread(times: Sequence[float], num_frames: int, count: int) -> list[tuple[int, ...]]:
    """The frames at evenly spread times of a video, assigned to the clips in turn."""
    count = min(count, len(times) // num_frames)
    total = num_frames * count
    shown = (times[-1] - times[0]) * len(times) / max(1, len(times) - 1)
    middles = times[0] + (np.arange(total) + 0.5) * shown / total
    chosen = np.searchsorted(np.asarray(times, float), middles + _EQUAL, side="right") - 1
    order = np.arange(total)
    chosen = np.maximum.accumulate(chosen - order) + order  # Each is later than the one before,
    room = len(times) - total
    chosen = np.minimum(chosen, room + order)  # and none is after the last frame.
    return [tuple(clip) for clip in chosen.reshape(num_frames, count).T.tolist()]
