"""The packets of a video, with limits on their number and size."""

import dataclasses
from collections.abc import Iterator

import av

from fdd.video import opening
from fdd.video.errors import VideoError

MAX_FRAMES = 2**22  # 39 hours at 30 frames per second.
# Pixels that may have to be decoded: 18 minutes of 1080p, plus what a video of its size may hold.
# So a file of 1 MB that repeats one 8K frame for minutes is refused.
FREE_PIXELS, PIXELS_PER_BYTE = 2**36, 2**16


@dataclasses.dataclass(frozen=True, slots=True)
class Packet:
    """What a container says about a coded frame.

    Attributes:
        stamp: Presentation time stamp; None where there is none.
        is_key: Whether decoding can begin here.
        is_shown: Whether the frame is shown; an edit list may hide it.
        is_corrupt: Whether the container knows it to be damaged.
    """

    stamp: int | None
    is_key: bool
    is_shown: bool
    is_corrupt: bool

    @classmethod
    def of(cls, packet: av.Packet) -> "Packet":
        """From PyAV's packet."""
        return cls(packet.pts, packet.is_keyframe, not packet.is_discard, packet.is_corrupt)


def packets(video: opening.Opened) -> Iterator[av.Packet | None]:
    """Yields the packets of a video; None at the end if the file cannot be read further.

    The last packet (before None) is empty: it makes a decoder put out the frames that it holds.

    Raises:
        VideoError: frames are larger than `fdd.video.opening.MAX_PIXELS`, or there are more of them
            than a file of this size can sensibly hold.
    """
    stream = video.stream
    pixels = stream.height * stream.width
    if pixels > opening.MAX_PIXELS:
        raise VideoError(f"frames of {stream.width}×{stream.height} pixels are too large")
    allowed = FREE_PIXELS + PIXELS_PER_BYTE * video.num_bytes
    count = 0
    try:
        for packet in video.container.demux(stream):
            count += 1
            if count > MAX_FRAMES or count * pixels > allowed:
                raise VideoError(
                    f"at least {count} frames of {stream.width}×{stream.height} pixels in "
                    f"{video.num_bytes} bytes are too much to decode"
                )
            yield packet
    except av.FFmpegError:
        yield None
