"""The limits of the web page, and the sentences that state them."""

import dataclasses

from fdd.errors import UserError
from fdd.video.decode import Header

MEGABYTE = 2**20
_NO_LIMIT = 1e9


class RejectedError(Exception):
    """A video that the page does not classify; the message is a sentence for the visitor."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits of uploads.

    Attributes:
        megabytes: Size of a file.
        seconds: Duration of a video.
        pixels: Width times height of a frame.
        queue: How many videos may wait while one is classified.
        timeout: Seconds that classifying one video may take.

    Raises:
        UserError: a limit is too small or too large.
    """

    megabytes: float = 100
    seconds: float = 300
    pixels: int = 3840 * 2160
    queue: int = 20
    timeout: float = 60

    def __post_init__(self):
        for name in ("megabytes", "seconds", "pixels", "timeout"):
            value = getattr(self, name)
            if not value > 0:
                raise UserError(f"the limit of {name} must be above 0, not {value}")
            if value > _NO_LIMIT:
                raise UserError(f"the limit of {name} must be at most {_NO_LIMIT:.0e}, not {value}")
        if not 0 <= self.queue <= _NO_LIMIT:
            raise UserError(f"the queue must be 0 or longer, not {self.queue}")

    @property
    def num_bytes(self) -> int:
        """Size of a file in bytes."""
        return int(self.megabytes * MEGABYTE)

    def sentence(self) -> str:
        """What a visitor may upload."""
        return (
            f"Up to {self.megabytes:g} MB, {_duration(self.seconds)} and "
            f"frames of {self.pixels / 1e6:.3g} megapixels."
        )

    def too_large(self) -> str:
        """What a visitor with too large a file is told."""
        return f"The file is too large: at most {self.megabytes:g} MB are accepted."

    def busy(self) -> str:
        """What a visitor is told if too many are waiting."""
        waiting = f"{self.queue} videos are" if self.queue != 1 else "1 video is"
        waiting = waiting if self.queue else "Another video is being classified and none may be"
        return f"Busy: {waiting} waiting already. Please try again in a minute."

    def too_slow(self) -> str:
        """What a visitor is told if the video takes too long."""
        return (
            f"This video takes longer than the {self.timeout:g} seconds allowed. A shorter or "
            "smaller video may work."
        )

    def check(self, header: Header) -> None:
        """Checks what a video's header declares, before anything is decoded.

        Raises:
            RejectedError: a limit is exceeded.
        """
        if not header.width * header.height:  # FFmpeg itself stops at 268 megapixels.
            raise RejectedError(
                "The video's frames have no size that can be decoded; frames of up to "
                f"{self.pixels / 1e6:.3g} megapixels are accepted."
            )
        if header.width * header.height > self.pixels:
            raise RejectedError(
                f"The video's frames are too large: {header.width} × {header.height} pixels are "
                f"more than the {self.pixels / 1e6:.3g} megapixels that are accepted."
            )
        self.check_duration(header.seconds or 0)

    def check_duration(self, seconds: float) -> None:
        """Checks a duration.

        Raises:
            RejectedError: it is too long.
        """
        if seconds > self.seconds:
            raise RejectedError(
                f"The video is too long: it lasts {_duration(seconds)}, and at most "
                f"{_duration(self.seconds)} are accepted."
            )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.3g} minutes"
    hours, minutes = divmod(int(seconds // 60), 60)
    return f"{hours} hours" + (f" {minutes} minutes" if minutes else "")
