"""Writing H.264 video in which each frame is coded independently."""

import os
import pathlib
import struct
from collections.abc import Iterable

import av
import numpy as np

PARTIAL = ".partial"
"""Suffix of the names of files that are not complete; it begins with a dot."""

_BOX_HEADER = struct.Struct(">I4s")  # The box's size in bytes, including this header, and its type.


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[np.ndarray],
    fps: int,
    qp: int = 20,
) -> None:
    """Writes RGB frames as an MP4 file, intra-only and with a constant quantiser.

    Each frame is a key frame and there is no rate control. So a decoded frame depends on the given
    frame and on `qp` alone, not on its position or its neighbours. The encoder runs in one thread,
    so equal frames give equal bytes. The file gets its name only when it is complete. Missing
    folders are created.

    Args:
        path: The file to write, replaced if it exists.
        frames: At least one frame, each uint8 [height, width, 3] in RGB, all of one size.
        fps: Frames per second.
        qp: H.264 quantiser, 0 (lossless) to 51 (coarsest).

    Raises:
        ValueError: There is no frame, or a frame has another type or size than asked for.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        _encode(partial, frames, fps, qp)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def pad_to_one_size(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Appends a box of zeros to each MP4 file, so that all get the same size; players skip the box.

    References:
        ISO/IEC 14496-12, 8.1.2, "free space box".
    """
    sizes = {path: os.path.getsize(path) for path in paths}
    full = max(sizes.values()) + _BOX_HEADER.size
    for path, size in sizes.items():
        with open(path, "ab") as file:
            file.write(_BOX_HEADER.pack(full - size, b"free"))
            file.write(bytes(full - size - _BOX_HEADER.size))


def _encode(path: pathlib.Path, frames: Iterable[np.ndarray], fps: int, qp: int) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = None
        for frame in frames:
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
                raise ValueError(
                    f"A frame must be uint8 [height, width, 3], not {frame.dtype} {frame.shape}."
                )
            height, width = frame.shape[:2]
            if stream is None:
                stream = _add_stream(container, width, height, fps, qp)
            elif (stream.width, stream.height) != (width, height):
                raise ValueError(
                    f"A frame is {width}x{height}, the first one {stream.width}x{stream.height}."
                )
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        if stream is None:
            raise ValueError("A video needs at least one frame.")
        container.mux(stream.encode())


def _add_stream(container, width: int, height: int, fps: int, qp: int):
    options = {
        "preset": "superfast",
        "qp": str(qp),
        "x264-params": "keyint=1:threads=1:sliced-threads=0",
    }
    stream = container.add_stream("libx264", rate=fps, options=options)
    stream.width, stream.height = width, height
    stream.pix_fmt = "yuv444p"
    stream.codec_context.thread_count = 1
    return stream
