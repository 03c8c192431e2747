"""Which frames of a video make its clips: a pure function of the frames' times.

Clips are cut in time, since a detector learns how much changes from one frame of a clip to the
next: in a video of 60 frames per second half as much does as in one of 30. A clip has a grid of
times, `spacing` seconds apart from its first frame on. Frame k of the clip is the one nearest to
grid point k, or the next one where that is in the clip already, and may be off its grid point by at
most (0.9 + 0.05 k) spacings, or there is no such clip:

- Less than a spacing, so that a video of half the grid's rate or less gives no clip at all, but
  enough for a single frame to be missing at 30 frames per second.
- The share that grows lets a video run up to 5 % slower than the grid, with its own frames one
  after the other: 23.976 and 24 frames per second for a grid of 25. One of 20 or fewer is too slow
  for six frames or more, one of 12.5 for two.
- A faster video is thinned, and a clip never lies across a gap.
"""

import bisect
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

SAMPLINGS = ("first", "uniform", "consecutive")
TOLERANCE = 0.9  # Of a spacing: how far a frame may be off its grid point,
DRIFT = 0.05  # and how much more with each frame of the clip.
_EQUAL = 1e-6  # Seconds or frames below which two times are one.


@dataclasses.dataclass(frozen=True)
class Plan:
    """The clips of a video.

    Attributes:
        clips: Ascending indices of each clip's frames, all different, by the clip's number.
        missing: Why there is no such clip, by its number.
        step: The longest time in seconds from one frame to the next in a missing clip.
    """

    clips: Mapping[int, tuple[int, ...]]
    missing: Mapping[int, str]
    step: float = 0.0

    @property
    def num_clips(self) -> int:
        """How many clips the video should have; 0 where it is too short for one."""
        return len(self.clips) + len(self.missing)


def check(num_frames: int, sampling: str, clips_per_video: int, spacing: float) -> None:
    """Checks the settings of `plan`.

    Raises:
        ValueError: the sampling has another name, a count is not positive, or the spacing is
            negative or not finite.
    """
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling must be one of {', '.join(SAMPLINGS)}, not '{sampling}'")
    if num_frames < 1 or clips_per_video < 1:
        raise ValueError("num_frames and clips_per_video must be at least 1")
    if not 0 <= spacing < float("inf"):
        raise ValueError(f"spacing must be 0 or a number of seconds above it, not {spacing}")


def plan(
    seconds: Sequence[float], num_frames: int, sampling: str, clips_per_video: int, spacing: float
) -> Plan:
    """Chooses the frames of each clip of a video.

    Args:
        seconds: Time of every frame of the video, in order.
        num_frames: Number of frames in a clip.
        sampling: 'first': one clip, at the video's beginning. 'consecutive': the clips' beginnings
            are spread evenly from the video's to the last one that leaves room for a clip.
            'uniform': each clip is spread over the whole video, which is divided into as many equal
            times as there are frames to choose, with the frame that is shown in the middle of each;
            several clips interleave.
        clips_per_video: Number of clips; a video too short for all of them gives those that are
            distinct.
        spacing: Seconds between two frames of a clip, for the samplings 'first' and 'consecutive'.
            0: frames are counted instead of timed, in all samplings, so that these two take
            consecutive ones whatever the video's frame rate.

    Raises:
        ValueError: see `check`.
    """
    check(num_frames, sampling, clips_per_video, spacing)
    if len(seconds) < num_frames:
        return Plan({}, {})
    if sampling == "uniform":
        times = seconds if spacing else range(len(seconds))
        return Plan(dict(enumerate(_spread(times, num_frames, clips_per_video))), {})
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
    return Plan(clips, missing, longest)


def _on_grid(
    times: Sequence[float], start: int, num_frames: int, step: float
) -> tuple[tuple[int, ...], bool]:
    """The frames nearest to a clip's grid, fewer at the video's end; and if all are near enough."""
    chosen, near = [start], True
    end = times[-1] + (times[-1] - times[max(0, len(times) - 2)]) / 2  # Later than this: no frame.
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
    """The frame nearest to a time; the later of two that are equally near."""
    later = bisect.bisect_left(times, wanted - _EQUAL)
    if later == len(times) or later == 0:
        return min(later, len(times) - 1)
    return later if times[later] - wanted <= wanted - times[later - 1] + _EQUAL else later - 1


def _starts(times: Sequence[float], num_frames: int, count: int, step: float) -> list[int]:
    """The first frames of clips from a video's beginning to its end; none where none has room."""
    last = len(times) - num_frames
    while len(_on_grid(times, last, num_frames, step)[0]) < num_frames:
        if last == 0:
            return []
        last -= 1
    begin, end = times[0], times[last]
    wanted = np.linspace(begin, end, count) if count > 1 else [(begin + end) / 2]
    return sorted({min(_nearest(times, float(time)), last) for time in wanted})


def _spread(times: Sequence[float], num_frames: int, count: int) -> list[tuple[int, ...]]:
    """The frames shown at times spread evenly over a video, dealt to clips in turn."""
    count = min(count, len(times) // num_frames)
    total = num_frames * count
    shown = (times[-1] - times[0]) * len(times) / max(1, len(times) - 1)
    middles = times[0] + (np.arange(total) + 0.5) * shown / total
    chosen = np.searchsorted(np.asarray(times, float), middles + _EQUAL, side="right") - 1
    order = np.arange(total)
    chosen = np.maximum.accumulate(chosen - order) + order  # Each later than the one before,
    room = len(times) - total
    chosen = np.minimum(chosen, room + order)  # and none beyond the last.
    return [tuple(clip) for clip in chosen.reshape(num_frames, count).T.tolist()]
