"""Opening a video file: which formats FFmpeg may read, and which stream of the file is the video.

FFmpeg reads far more than videos: playlists, scripts and device descriptions, which make it open
other files or the network. So it gets an open file instead of a name, may use the formats of video
files only, and no protocol: a file can make it open nothing else. Names may also contain colons and
brackets, which FFmpeg would interpret.
"""

import contextlib
import dataclasses
import errno
import fractions
import io
import pathlib
from collections.abc import Iterator

import av

from fdd.errors import first_line
from fdd.video import declared, pipes, truncation
from fdd.video.display import HDR, is_sensible
from fdd.video.errors import IncompleteError, VideoError
from fdd.video.info import INCOMPLETE

MAX_PIXELS = 36 * 10**6  # Per frame; a frame of an 8K cinema camera has 35 million.

# Names of FFmpeg's demuxers. None of them opens a second file where no protocol is allowed.
_CONTAINERS = (
    *("mov", "matroska", "webm", "avi", "mpegts", "mpegtsraw", "mpeg", "vob", "flv", "live_flv"),
    *("asf", "asf_o", "mxf", "mxf_opatom", "mxf_d10", "ogg", "rm", "nut", "dv", "gxf", "lxf"),
    *("wtv", "nsv", "nuv", "ivf", "ivr", "kux", "dhav", "ty", "xmv", "amv", "roq", "smk", "bink"),
    *("dxa", "flic", "pva", "mtv", "mvi", "viv", "vivo", "lmlm4", "c93", "rl2", "mods", "mpjpeg"),
)
_RAW_STREAMS = (
    *("h261", "h263", "h264", "hevc", "vvc", "av1", "obu", "m4v", "mpegvideo", "mjpeg", "ipu"),
    *("mjpeg_2000", "dirac", "vc1", "vc1test", "cavsvideo", "avs2", "avs3", "evc", "apv", "dnxhd"),
    *("yuv4mpegpipe", "ingenient", "smjpeg"),
)
_PICTURES = (  # They may hold one frame or many.
    *("gif", "apng", "webp", "webp_anim", "webp_pipe", "avif", "jpegxl_anim", "jpeg_pipe"),
    *("png_pipe", "bmp_pipe", "tiff_pipe", "gif_pipe"),
)
_DEMUXERS = ",".join((*_CONTAINERS, *_RAW_STREAMS, *_PICTURES))
# Decoders report errors that they would otherwise ignore, and still show what they can.
_DECODER = {"max_pixels": str(MAX_PIXELS), "err_detect": "crccheck+bitstream+buffer"}
_BUFFER = 2**18  # Bytes read at a time.
# Metadata may be in any encoding. PyAV 19 replaces what it cannot decode without being asked.
_OLD_PYAV = int(av.__version__.split(".")[0]) < 19
_UNREADABLE_METADATA = {"metadata_errors": "replace"} if _OLD_PYAV else {}


@dataclasses.dataclass(frozen=True)
class Header:
    """What a video's header declares, true or not.

    Attributes:
        height: Of a coded frame in pixels.
        width: Of a coded frame in pixels.
        seconds: Duration; None if it is not declared.
    """

    height: int
    width: int
    seconds: float | None


@dataclasses.dataclass(frozen=True)
class Opened:
    """An open video.

    Attributes:
        container: The file.
        stream: The stream that a player shows.
        num_bytes: Size of the file.
        ends_early: Whether the file is shorter than it declares.
        notes: Remarks on the choice of the stream.
    """

    container: av.container.InputContainer
    stream: av.VideoStream
    num_bytes: int
    ends_early: bool
    notes: tuple[str, ...]

    @property
    def time_base(self) -> fractions.Fraction:
        """Seconds per unit of the stream's time stamps; PyAV 19 has a number type of its own."""
        return fractions.Fraction(self.stream.time_base or 0)


def header(path: str | pathlib.Path) -> Header:
    """Reads the beginning of a video; quick for a file of any length.

    Raises:
        VideoError: the file is missing or is no video.
    """
    with opened(path) as video:
        stream, seconds = video.stream, None
        if stream.duration is not None:
            seconds = float(stream.duration * stream.time_base)
        elif video.container.duration is not None:
            seconds = video.container.duration / av.time_base
        return Header(height=stream.height, width=stream.width, seconds=seconds)


@contextlib.contextmanager
def opened(path: str | pathlib.Path) -> Iterator[Opened]:
    """Opens a video for a `with` block.

    Args:
        path: A file of any name, or a pipe, which is first read to its end.

    Raises:
        VideoError: the file is missing, is no video, or is not whole (`IncompleteError`).
    """
    try:
        file = pipes.open_file(path)
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise VideoError(f"cannot be opened as a video: {reason}") from None
    with file:
        num_bytes = file.seek(0, io.SEEK_END)
        declared.check(file, num_bytes)
        ends_early = truncation.ends_early(file, num_bytes)
        file.seek(0)
        with _container(file, ends_early) as container:
            stream, notes = _shown_stream(container)
            stream.codec_context.options = _DECODER
            yield Opened(
                container=container,
                stream=stream,
                num_bytes=num_bytes,
                ends_early=ends_early,
                notes=notes,
            )


def _container(file: io.RawIOBase, ends_early: bool) -> av.container.InputContainer:
    gate = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "none"}
    try:
        return av.open(
            file,
            "r",
            options={"max_pixels": str(MAX_PIXELS)},
            container_options=gate,
            buffer_size=_BUFFER,
            **_UNREADABLE_METADATA,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        if ends_early:
            raise IncompleteError(f"cannot be opened as a video: {INCOMPLETE}") from None
        reason = getattr(error, "strerror", None) or first_line(error)
        if getattr(error, "errno", None) == errno.EINVAL:
            reason = "its content is not in the format of a video file"
        raise VideoError(f"cannot be opened as a video: {reason}") from None


def _shown_stream(
    container: av.container.InputContainer,
) -> tuple[av.VideoStream, tuple[str, ...]]:
    """The video stream that a player shows: the default one; of several, the largest."""
    still = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    videos = [stream for stream in container.streams.video if not stream.disposition & still]
    if not videos:
        only = ", only a cover picture" if container.streams.video else ""
        raise VideoError(f"no video stream{only}")
    readable = [stream for stream in videos if stream.codec_context is not None]
    if not readable:
        raise VideoError("no video stream whose codec FFmpeg can decode")

    def rank(stream: av.VideoStream) -> tuple[bool, int]:
        is_default = bool(stream.disposition & av.stream.Disposition.default)
        return (is_default, stream.width * stream.height)

    best, notes = max(readable, key=rank), ()
    if len(videos) > 1:
        size = f"{best.width}×{best.height} pixels"
        notes = (f"the file holds {len(videos)} videos, of which the one of {size} is classified",)
    aspect = best.sample_aspect_ratio
    if aspect and not is_sensible(aspect):
        notes += (f"its pixels' ratio of {float(aspect):.3g} is taken for an error and ignored",)
    if kind := HDR.get(best.codec_context.color_trc):
        notes += (f"its colours are HDR ({kind}) and were converted to SDR",)
    return best, notes
