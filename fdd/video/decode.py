"""Reading exact frames of a video file, with PyAV (FFmpeg)."""

import itertools
import pathlib
from collections.abc import Iterator, Sequence

import av
import numpy as np

from fdd.video import gaps, opening, stored
from fdd.video.display import Pictures, fitted
from fdd.video.errors import DamagedError, IncompleteError, MisreadError, VideoError
from fdd.video.info import HEALTHY, Condition, VideoInfo, no_frames
from fdd.video.opening import Header, header
from fdd.video.packets import Packet, packets
from fdd.video.survey import decoded, survey

__all__ = [
    "HEALTHY",
    "Condition",
    "DamagedError",
    "Header",
    "IncompleteError",
    "MisreadError",
    "VideoError",
    "VideoInfo",
    "header",
    "probe",
    "read_frames",
    "survey",
]


def probe(path: str | pathlib.Path) -> VideoInfo:
    """Counts and times the frames of a video.

    Packets are read but not decoded, unless they cannot be trusted: in a raw stream, whose packets
    have no time stamps, in a file that starts between two key frames, and in one that ends early.

    Args:
        path: A video file, a pipe, or a folder of frames (`fdd.video.stored`).

    Returns:
        The video's frame times, rate and size.

    Raises:
        VideoError: the file is missing, is no video, has no frame, or has frames larger than
            `fdd.video.opening.MAX_PIXELS`, or has more frames than a file of its size can hold.
    """
    if stored.is_stored(path):
        return stored.probe(path)
    with opening.opened(path) as video:
        stream = video.stream
        height, width = stream.height, stream.width
        seen, is_whole = [], not video.ends_early
        for packet in packets(video):
            if packet is None:
                is_whole = False
            elif packet.size:
                seen.append(Packet.of(packet))
        if not seen or not height or not width:
            raise no_frames(video.ends_early)
        if is_whole and len(seen) >= stream.frames and _is_plausible(seen):
            shown = [packet.stamp for packet in seen if packet.is_shown]
            in_order = all(a < b for a, b in itertools.pairwise(shown))
            stamps = tuple(sorted(shown))
            lacks = gaps.remarks(stamps, video)
            return VideoInfo(
                stamps=stamps,
                time_base=video.time_base,
                stamped=True,
                fps=float(stream.average_rate or 0),
                height=height,
                width=width,
                is_doubtful=in_order and bool(stream.codec_context.has_b_frames),
                condition=Condition(notes=video.notes + lacks),
            )
    return survey(path)


def _is_plausible(seen: Sequence[Packet]) -> bool:
    """Whether packets are those of a healthy file that starts with a key frame."""
    stamps = [packet.stamp for packet in seen]
    if None in stamps or len(set(stamps)) < len(stamps):
        return False
    if any(packet.is_corrupt for packet in seen) or not any(packet.is_shown for packet in seen):
        return False
    has_keys = any(packet.is_key for packet in seen)
    return not has_keys or (seen[0].is_key and stamps[0] == min(stamps))


def read_frames(
    path: str | pathlib.Path, info: VideoInfo, indices: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Decodes some frames of a video in one sequential pass.

    FaceForensics++'s files have a key frame about every 250 frames, so seeking would decode more
    than reading on does. A frame that no other frame refers to is decoded only if it is wanted.
    Only wanted frames are converted to RGB, and reading stops after the last of them. A frame's
    index is its rank in `info`; skipping does not change it.

    Args:
        path: The file.
        info: The result of `probe` or `survey`.
        indices: Indices of the wanted frames in presentation order.

    Yields:
        (index, frame) in ascending order; a frame is uint8 [height, width, 3], RGB, upright, as a
        player shows it.

    Raises:
        MisreadError: the packets' statements are wrong; call `survey` instead.
        VideoError: the file cannot be read, or a wanted frame cannot be decoded.
    """
    if stored.is_stored(path):
        yield from stored.read_frames(path, info, indices)
        return
    keys = info.stamps if info.stamped else info.places
    pending = {keys[index]: index for index in sorted(set(indices))}
    if not pending:
        return
    with opening.opened(path) as video:
        pictures = Pictures(float(video.stream.sample_aspect_ratio or 1), opening.MAX_PIXELS)
        frames = _by_stamp(video, info, pending.keys()) if info.stamped else _by_place(video)
        size = info.size
        for key, frame in frames:
            if key not in pending:
                continue
            image = pictures.picture(frame)
            size = size or image.shape[:2]
            if info.stamped and image.shape[:2] != size:
                raise MisreadError("the picture changes size")
            yield pending.pop(key), fitted(image, size)
            if not pending:
                return
    kind = MisreadError if info.stamped else VideoError
    raise kind(f"frame {min(pending.values())} of {info.num_frames} cannot be decoded")


def _by_place(video: opening.Opened) -> Iterator[tuple[int, av.VideoFrame]]:
    return enumerate(frame for _, frame in decoded(video) if frame is not None)


def _by_stamp(
    video: opening.Opened, info: VideoInfo, wanted: Sequence[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decodes the wanted frames and those that they depend on; it may yield others too.

    Raises:
        MisreadError: a frame is wrong, whether wanted or not.
    """
    context = video.stream.codec_context
    context.thread_type = "NONE"  # Which frames to skip is decided for each packet.
    intra = context.codec.intra_only
    # A decoder of another library takes the setting only when it starts.
    skips = not (info.is_doubtful or context.codec.name.startswith("lib"))
    latest = None
    for packet in packets(video):
        if packet is None:
            raise MisreadError("the file cannot be read to its end")
        needed = packet.pts is None or packet.pts in wanted
        if intra and not needed and packet.size:
            continue
        context.skip_frame = "NONREF" if skips and not needed else "DEFAULT"
        try:
            frames = packet.decode()
        except (av.FFmpegError, EOFError):
            raise MisreadError("a frame cannot be decoded") from None
        for frame in frames:
            if frame.is_corrupt or (frame.height, frame.width) != (info.height, info.width):
                raise MisreadError("a frame is damaged or of another size")
            if frame.pts is None or (latest is not None and frame.pts <= latest):
                raise MisreadError("time stamps are not in the order of the frames")
            latest = frame.pts
            yield frame.pts, frame
