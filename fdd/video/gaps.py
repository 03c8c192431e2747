"""Frames that a file lacks without any error: its time stamps leave a gap, or end early.

Where bytes are damaged, demuxers of Matroska, ASF, FLV, NUT and MPEG continue at the next packet
that they recognise, and report nothing of those before it.
"""

import itertools
import statistics
from collections.abc import Sequence

import av

from fdd.video import opening

_GAP = 1.75  # In usual distances of two frames.
_NEAR = 0.25  # Distances of frames of one rate differ by less, since stamps are rounded.
_MOSTLY = 0.8  # Of the distances: with fewer usual ones, the rate is variable and tells nothing.
_FEWEST = 10
_WITHOUT_INDEX = ("matroska", "asf", "flv", "nut")
_LACK = 0.05  # Of the declared duration, and half a second.


def missing(stamps: Sequence[int]) -> int:
    """How many frames are missing between the others, by the gaps in their times.

    Args:
        stamps: Of the frames, ascending.

    Returns:
        0 if there is no gap, or if the frame rate is variable.
    """
    distances = [after - before for before, after in itertools.pairwise(stamps)]
    if len(distances) < _FEWEST or not (usual := statistics.median(distances)):
        return 0
    # Stamps in milliseconds round a distance by one of them.
    near = sum(abs(distance - usual) <= max(1, _NEAR * usual) for distance in distances)
    if near < _MOSTLY * len(distances):
        return 0
    return sum(round(each / usual) - 1 for each in distances if each > _GAP * usual)


def remarks(stamps: Sequence[int], video: opening.Opened) -> tuple[str, ...]:
    """Remarks for `fdd.video.info.Condition.notes`: what the file lacks.

    Args:
        stamps: Of all frames that were found, ascending.
        video: The open file.
    """
    said: tuple[str, ...] = ()
    if count := missing(stamps):
        are = "frames are" if count > 1 else "frame is"
        said += (f"{count} {are} missing between the others: lost by damage, or never recorded",)
    seconds = _declared(video)
    if seconds is not None and len(stamps) > 1:
        shown = float((stamps[-1] - stamps[0]) * video.time_base)
        if seconds - shown > max(0.5, _LACK * seconds):
            said += (
                f"it declares {seconds:.1f} seconds and shows {shown:.1f}: the rest is damaged or "
                "was never written",
            )
    return said


def _declared(video: opening.Opened) -> float | None:
    """The duration that a file without an index declares for the stream, in seconds."""
    if video.ends_early or not video.container.format.name.startswith(_WITHOUT_INDEX):
        return None
    text = video.stream.metadata.get("DURATION", "")
    try:
        hours, minutes, seconds = text.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        pass
    if len(video.container.streams) > 1 or not video.container.duration:
        return None  # The duration may be that of the sound.
    return video.container.duration / av.time_base
