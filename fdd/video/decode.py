"""Reading exact frames of a video file, with PyAV (FFmpeg)."""

import dataclasses
import fractions
import pathlib
from collections.abc import Iterator, Sequence

import av
import numpy as np


class VideoError(Exception):
    """A video that cannot be used; the message is the reason, in one line."""


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What one pass over the packets of a video tells, without decoding.

    Attributes:
        stamps: Presentation time stamp of every frame, ascending, in units of `time_base`.
        time_base: Seconds per unit of a stamp.
        fps: Mean frame rate in frames per second; 0 where the file does not say.
        height: Height of a coded frame in pixels.
        width: Width of a coded frame in pixels.
    """

    stamps: tuple[int, ...]
    time_base: fractions.Fraction
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
    """Counts and times the frames of a video without decoding them.

    Args:
        path: Any file that FFmpeg reads.

    Returns:
        The video's frame times, rate and size.

    Raises:
        VideoError: the file is missing, is no video, or has no frame.
    """
    stamps = []
    with _open(path) as container:
        stream = container.streams.video[0]
        try:
            for packet in container.demux(stream):
                if packet.size and not packet.is_discard:
                    stamps.append(packet.pts)
        except av.FFmpegError:
            pass  # A truncated file: what was read so far is what there is.
        if not stamps:
            raise VideoError("no frames")
        if None in stamps or len(set(stamps)) != len(stamps):
            raise VideoError("frames without time stamps of their own")
        if not stream.width or not stream.height:
            raise VideoError("unknown frame size")
        fps = float(stream.average_rate or 0)
        return VideoInfo(tuple(sorted(stamps)), stream.time_base, fps, stream.height, stream.width)


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
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # What to skip is decided packet by packet.
        try:
            for packet in container.demux(stream):
                stream.codec_context.skip_frame = (
                    "DEFAULT" if packet.pts is None or packet.pts in pending else "NONREF"
                )
                for frame in packet.decode():
                    if frame.pts in pending:
                        yield pending.pop(frame.pts), _upright_rgb(frame)
                if not pending:
                    return
        except av.FFmpegError:
            pass  # Reported below, with the frame it concerns.
    raise VideoError(f"frame {min(pending.values())} of {info.num_frames} cannot be decoded")


def _upright_rgb(frame: av.VideoFrame) -> np.ndarray:
    image = frame.to_ndarray(format="rgb24")
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarter_turns)) if quarter_turns else image
