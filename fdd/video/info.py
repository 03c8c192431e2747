"""Which frames a video has, when each is shown, and in what state the file is."""

import dataclasses
import fractions

from fdd.video.errors import IncompleteError, VideoError

INCOMPLETE = "the file is incomplete, it ends early; download it again"


@dataclasses.dataclass(frozen=True)
class Condition:
    """In what state a file is.

    Attributes:
        frames: How many frames were found, damaged ones included; 0 if they were not counted.
        damaged: Frames that are left out because they, or frames they were predicted from, cannot
            be decoded without errors.
        incomplete: Whether the file is shorter than it declares.
        notes: Further remarks, as clauses.
    """

    frames: int = 0
    damaged: int = 0
    incomplete: bool = False
    notes: tuple[str, ...] = ()

    def clauses(self) -> tuple[str, ...]:
        """Remarks to show with an answer; none for a healthy file."""
        said = ()
        if self.damaged:
            are = "are" if self.damaged > 1 else "is"
            said += (f"{self.damaged} of {self.frames} frames {are} damaged and left out",)
        if self.incomplete:
            said += (INCOMPLETE,)
        return said + self.notes


HEALTHY = Condition()


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What one pass over a video finds.

    Attributes:
        stamps: Presentation time stamp of every usable frame, ascending, in units of `time_base`.
        time_base: Seconds per unit of a stamp.
        stamped: Whether frames are found by their stamps; otherwise they are found by `places`.
        fps: Mean frame rate in frames per second; 0 if the file does not say.
        height: Height of a coded frame in pixels, before any rotation.
        width: Width of a coded frame in pixels, before any rotation.
        places: The place of each usable frame in the decoder's output.
        positions: The number of each usable frame among all frames of the original file, damaged
            ones included; empty if all are usable.
        size: Height and width that all pictures are scaled to; None if all have one size.
        is_doubtful: Whether the stamps may be in decoding order. Then all frames must be decoded to
            find out.
        condition: The file's state.
    """

    stamps: tuple[int, ...]
    time_base: fractions.Fraction
    stamped: bool
    fps: float
    height: int
    width: int
    places: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    size: tuple[int, int] | None = None
    is_doubtful: bool = False
    condition: Condition = HEALTHY

    @property
    def num_frames(self) -> int:
        """Number of usable frames."""
        return len(self.stamps)

    def position(self, index: int) -> int:
        """A usable frame's number among all frames of the original file."""
        return self.positions[index] if self.positions else index

    def indices(self) -> dict[int, int]:
        """The usable frames' indices by their positions, ascending."""
        return {self.position(index): index for index in range(self.num_frames)}

    def seconds(self, index: int) -> float:
        """Presentation time of a frame in seconds after the first frame."""
        return float((self.stamps[index] - self.stamps[0]) * self.time_base)


def no_frames(ends_early: bool) -> VideoError:
    """The error for a file without any frame."""
    return IncompleteError(f"no frames: {INCOMPLETE}") if ends_early else VideoError("no frames")
