"""Reading exact frames of a video file, with PyAV (FFmpeg)."""

import contextlib
import dataclasses
import fractions
import pathlib
from collections.abc import Collection, Iterator, Sequence

import av
import numpy as np

MAX_PIXELS = 2**26  # 67 megapixels: twice the frame of an 8K camera.


class VideoError(Exception):
    """A video that cannot be used; the message is the reason, in one line."""


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What one pass over a video tells.

    Attributes:
        stamps: Presentation time stamp of every frame, ascending, in units of `time_base`.
        time_base: Seconds per unit of a stamp.
        stamped: Whether the file itself holds the stamps; otherwise they count the frames.
        fps: Mean frame rate in frames per second; 0 where the file does not say.
        height: Height of a coded frame in pixels, before any rotation.
        width: Width of a coded frame in pixels, before any rotation.
    """

    stamps: tuple[int, ...]
    time_base: fractions.Fraction
    stamped: bool
    fps: float
    height: int
    width: int

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.stamps)

    def seconds(self, index: int) -> float:
        """Presentation time of a frame in seconds after the first frame."""
        return float((self.stamps[index] - self.stamps[0]) * self.time_base)


@dataclasses.dataclass(frozen=True)
class Header:
    """What a video says of itself, true or not.

    Attributes:
        height: Of a coded frame in pixels.
        width: Of a coded frame in pixels.
        seconds: Duration; None where it is not said.
    """

    height: int
    width: int
    seconds: float | None


def header(path: str | pathlib.Path) -> Header:
    """Reads the beginning of a video; quick for a file of any length.

    Raises:
        VideoError: the file is missing or is no video.
    """
    with _open(path) as container:
        stream = container.streams.video[0]
        seconds = None
        if stream.duration is not None:
            seconds = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            seconds = container.duration / av.time_base
        return Header(stream.height, stream.width, seconds)


def _open(path: str | pathlib.Path) -> av.container.InputContainer:
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise VideoError(f"cannot be opened as a video: {error.strerror or error}") from None
    if not container.streams.video:
        container.close()
        raise VideoError("no video stream")
    return container


def probe(path: str | pathlib.Path) -> VideoInfo:
    """Counts and times the frames of a video.

    Packets are read, not decoded, unless they have no time stamps of their own, as in a raw stream
    and in some AVI files.

    Args:
        path: Any file that FFmpeg reads.

    Returns:
        The video's frame times, rate and size.

    Raises:
        VideoError: the file is missing, is no video, has no frame, or has frames larger than
            `MAX_PIXELS`.
    """
    with _open(path) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 0)
        height, width, time_base = stream.height, stream.width, stream.time_base
        if height * width > MAX_PIXELS:
            raise VideoError(f"frames of {width}×{height} pixels are too large")
        stamps = []
        with contextlib.suppress(av.FFmpegError):  # A truncated file: what was read is there.
            for packet in container.demux(stream):
                if packet.size and not packet.is_discard:
                    stamps.append(packet.pts)
    stamped = None not in stamps and len(set(stamps)) == len(stamps)
    if not stamped:
        stamps = list(range(sum(1 for _ in _decode_all(path))))
        time_base = 1 / fractions.Fraction(fps or 25).limit_denominator(1001)
    if not stamps or not height or not width:
        raise VideoError("no frames")
    return VideoInfo(tuple(sorted(stamps)), time_base, stamped, fps, height, width)


def _decode_all(path: str | pathlib.Path) -> Iterator[av.VideoFrame]:
    with _open(path) as container, contextlib.suppress(av.FFmpegError):
        yield from container.decode(container.streams.video[0])


def read_frames(
    path: str | pathlib.Path, info: VideoInfo, indices: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Decodes some frames of a video in one sequential pass.

    Files of FaceForensics++ have a key frame about every 250 frames, so that seeking decodes more
    than reading on. Frames that nothing refers to are not decoded unless they are wanted, only
    wanted ones are converted to RGB, and reading stops behind the last of them. A frame's index is
    the rank of its time stamp, which no shortcut changes.

    Args:
        path: The file.
        info: What `probe` said of it.
        indices: Indices of the wanted frames in presentation order.

    Yields:
        (index, frame) in ascending order; a frame is uint8 [height, width, 3], RGB, upright.

    Raises:
        VideoError: the file cannot be read, or a wanted frame cannot be decoded.
    """
    pending = {info.stamps[index]: index for index in sorted(set(indices))}
    frames = _decode_near(path, pending) if info.stamped else enumerate(_decode_all(path))
    for stamp, frame in frames:
        if stamp in pending:
            yield pending.pop(stamp), _upright_rgb(frame)
        if not pending:
            return
    raise VideoError(f"frame {min(pending.values())} of {info.num_frames} cannot be decoded")


def _decode_near(
    path: str | pathlib.Path, wanted: Collection[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decodes what is wanted and what that depends on; more may come along."""
    with _open(path) as container, contextlib.suppress(av.FFmpegError):
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # What to skip is decided packet by packet.
        for packet in container.demux(stream):
            needed = packet.pts is None or packet.pts in wanted
            stream.codec_context.skip_frame = "DEFAULT" if needed else "NONREF"
            for frame in packet.decode():
                yield frame.pts, frame


def _upright_rgb(frame: av.VideoFrame) -> np.ndarray:
    image = frame.to_ndarray(format="rgb24")
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarter_turns)) if quarter_turns else image
