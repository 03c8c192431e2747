"""Videos whose frames show their number, and reading it back."""

import fractions

import av
import numpy as np

from fdd.video import decode

HEIGHT, WIDTH, BITS = 64, 128, 6


def frame(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A frame that shows its number as bright and dark bars, the lowest bit first."""
    image = np.full((height, width, 3), 50, np.uint8)
    bar = width // BITS
    for bit in range(BITS):
        if number >> bit & 1:
            image[height // 8 : -height // 8, bit * bar : (bit + 1) * bar] = 200
    return image


def number(image: np.ndarray) -> int:
    """The number that a frame shows."""
    height, bar = image.shape[0], image.shape[1] // BITS
    middle = image[height // 4 : -height // 4]
    bright = [
        middle[:, bit * bar + bar // 4 : (bit + 1) * bar - bar // 4].mean() > 125
        for bit in range(BITS)
    ]
    return sum(int(is_bright) << bit for bit, is_bright in enumerate(bright))


def write(
    path, codec="libx264", container=None, pix_fmt="yuv420p", count=40, options=None, stamps=None,
    frames=None, aspect=None, tags=None,
):  # fmt: skip
    """Writes frames 0, 1, 2, … (or others) with PyAV, 25 per second.

    Returns:
        The path.
    """
    frames = [frame(index) for index in range(count)] if frames is None else frames
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=25, options=dict(options or {}))
        first = frames[0]
        is_array = isinstance(first, np.ndarray)
        size = first.shape[:2] if is_array else (first.height, first.width)
        stream.height, stream.width = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.thread_count = 1
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        for index, image in enumerate(frames):
            picture = image
            if isinstance(image, np.ndarray):
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            picture.pts = stamps[index] if stamps else index
            picture.time_base = fractions.Fraction(1, 25)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def readable(path):
    """Probes a video, and surveys it if its packets mislead, as `extract_clips` does.

    Returns:
        What is known of it, and the numbers that its frames show.
    """

    info = decode.probe(path)
    try:
        return info, _numbers(path, info)
    except decode.MisreadError:
        info = decode.survey(path)
        return info, _numbers(path, info)


def _numbers(path, info):

    return [number(image) for _, image in decode.read_frames(path, info, range(info.num_frames))]
