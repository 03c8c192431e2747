"""Cropping frames, coding them as JPEG images, and decoding these."""

from collections.abc import Sequence

import cv2
import numpy as np
import simplejpeg

from fdd.errors import first_line
from fdd.video.decode import VideoError
from fdd.video.faces import Face
from fdd.video.landmarks import Points, as_points

Box = tuple[float, float, float, float]


def square(face: Face, margin: float) -> Box:
    """A square around a face, on whole pixels; it may extend beyond the frame's border."""
    x0, y0, x1, y1 = face.box
    side = max(2, round(margin * max(x1 - x0, y1 - y0)))
    left, top = round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2)
    return (float(left), float(top), float(left + side), float(top + side))


def in_crop(points: Sequence[Points], crop: Box, size: int) -> tuple[Points, ...]:
    """Where points of a frame are in its crop, which is `size` pixels square."""
    if not points:
        return ()
    x0, y0, x1, y1 = crop
    scale = (size / (x1 - x0), size / (y1 - y0))
    return as_points((np.asarray(points, float) - (x0, y0)) * scale)


def resized(frame: np.ndarray, crop: Box, size: int) -> np.ndarray:
    """A part of a frame, scaled to a square; beyond the frame's border the border is repeated.

    Args:
        frame: uint8 [height, width, 3].
        crop: The part, in whole pixels of the frame.
        size: Height and width of the result in pixels.

    Returns:
        uint8 [size, size, 3].
    """
    height, width = frame.shape[:2]
    x0, y0, x1, y1 = (int(value) for value in crop)
    inside = frame[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
    outside = (max(0, -y0), max(0, y1 - height), max(0, -x0), max(0, x1 - width))
    if any(outside):
        inside = cv2.copyMakeBorder(inside, *outside, cv2.BORDER_REPLICATE)
    shrinks = inside.shape[0] >= size and inside.shape[1] >= size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(inside, (size, size), interpolation=method)


def jpeg(image: np.ndarray, quality: int) -> bytes:
    """Codes an image, uint8 [height, width, 3], RGB, as JPEG of a quality from 0 to 100.

    Raises:
        VideoError: OpenCV cannot code it.
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    ok, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise VideoError("a frame cannot be coded as JPEG")
    return data.tobytes()


def decode_jpegs(images: Sequence[bytes], out: np.ndarray | None = None) -> np.ndarray:
    """The frames of a clip, decoded: uint8 [t, height, width, 3], RGB.

    Args:
        images: The frames as JPEG images, of one size.
        out: The array to write to; a new one by default.

    Raises:
        ValueError: an image is not JPEG, is damaged or has another size, or the number of images
            is not that of `out`.
    """
    if not images or (out is not None and len(images) != len(out)):
        wanted = "at least one" if out is None else len(out)
        raise ValueError(f"there are {len(images)} frames, not {wanted}")
    if out is None:
        height, width, *_ = simplejpeg.decode_jpeg_header(images[0])
        out = np.empty((len(images), height, width, 3), np.uint8)
    for image, place in zip(images, out, strict=True):
        try:
            shape = simplejpeg.decode_jpeg(image, "RGB", buffer=place).shape
        except ValueError as error:
            raise ValueError(f"a frame cannot be decoded: {first_line(error)}") from None
        if shape != place.shape:
            raise ValueError(f"a frame is of shape {shape}, not {place.shape}")
    return out
