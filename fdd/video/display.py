"""From a decoded frame to the picture that a player shows: upright, square pixels, SDR, RGB."""

from collections.abc import Mapping

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc, VideoReformatter

from fdd.video.errors import VideoError

HDR: Mapping[int, str] = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}
_WIDE_GAMUTS = (ColorPrimaries.BT2020, ColorPrimaries.SMPTE431, ColorPrimaries.SMPTE432)
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED and AVCOL_TRC_UNSPECIFIED.
_LARGEST_ASPECT = 8  # Of a pixel; a larger value in a file is taken for an error.


def is_sensible(pixel_aspect: float) -> bool:
    """Whether a file's width of a pixel over its height can be meant so."""
    return 1 / _LARGEST_ASPECT <= pixel_aspect <= _LARGEST_ASPECT


class Pictures:
    """Converts the frames of one stream into pictures; not thread-safe."""

    def __init__(self, pixel_aspect: float, max_pixels: int):
        """Prepares the conversion.

        Args:
            pixel_aspect: Width of a pixel over its height; pixels are taken as square if it is not
                sensible.
            max_pixels: The largest number of pixels of a picture.
        """
        self._aspect = pixel_aspect if is_sensible(pixel_aspect) else 1.0
        self._max_pixels = max_pixels
        self._reformatter = VideoReformatter()  # Keeps its tables from frame to frame.

    def size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Height and width of a frame's picture."""
        width, height = self._square(frame)
        return (width, height) if orientation(frame)[0] else (height, width)

    def picture(self, frame: av.VideoFrame) -> np.ndarray:
        """A frame's picture: uint8 [height, width, 3], RGB.

        Raises:
            VideoError: its colours cannot be converted, or the picture would be too large.
        """
        width, height = self._square(frame)
        if width * height > self._max_pixels:
            raise VideoError(f"frames of {width}×{height} pixels are too large")
        image = self._rgb(frame)
        if image.shape[:2] != (height, width):
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        transposed, flip_x, flip_y = orientation(frame)
        if transposed:
            image = image.transpose(1, 0, 2)
        image = image[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
        return np.ascontiguousarray(image)

    def _square(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Width and height with square pixels; the side that is too short is stretched."""
        if self._aspect >= 1:
            return max(1, round(frame.width * self._aspect)), frame.height
        return frame.width, max(1, round(frame.height / self._aspect))

    def _rgb(self, frame: av.VideoFrame) -> np.ndarray:
        if frame.color_trc == _UNSPECIFIED and "DOVI_METADATA" in _side_data(frame):
            raise VideoError("Dolby Vision without an HDR10 or SDR layer, which cannot be shown")
        try:
            if frame.color_trc in HDR or frame.color_primaries in _WIDE_GAMUTS:
                return self._in_sdr(frame)
            return self._reformatter.reformat(
                frame, format="rgb24", src_colorspace=_matrix(frame), threads=1
            ).to_ndarray()
        except (av.FFmpegError, ValueError) as error:
            kind = f"{HDR.get(frame.color_trc, 'SDR')}, {frame.format.name}"
            reason = getattr(error, "strerror", None) or str(error)
            raise VideoError(f"its colours ({kind}) cannot be converted: {reason}") from None

    def _in_sdr(self, frame: av.VideoFrame) -> np.ndarray:
        """Converts with libswscale, which follows BT.2100 and BT.1886.

        It maps a light of 203 cd/m² (BT.2408) to SDR's white. Brighter values, and colours outside
        BT.709, are clipped. The result has 16 bits: with 8 bits, libswscale would round PQ's code
        values to 8 bits on the way, which turns a green of 200 into 182.
        """
        deep = self._reformatter.reformat(
            frame,
            format="rgb48le",
            src_colorspace=_matrix(frame),
            dst_color_trc=ColorTrc.BT709,
            dst_color_primaries=ColorPrimaries.BT709,
            threads=1,
        ).to_ndarray()
        return ((deep.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)


def _matrix(frame: av.VideoFrame) -> int:
    """The matrix from YUV to RGB; if the file does not say, chosen by size, as mpv does."""
    if frame.colorspace != _UNSPECIFIED:
        return frame.colorspace
    is_hd = frame.width >= 1280 or frame.height > 576
    return Colorspace.ITU709 if is_hd else Colorspace.ITU601


def _side_data(frame: av.VideoFrame) -> dict[str, object]:
    # By number, since a loop over the container itself gives types from PyAV 19 on.
    held = (frame.side_data[number] for number in range(len(frame.side_data)))
    return {data.type.name: data for data in held}


def orientation(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """How a frame is put upright: (swap rows and columns, then mirror columns, mirror rows).

    From the display matrix (ISO/IEC 14496-12, 8.3.2): x' = a x + c y, y' = b x + d y in fixed
    point. An angle between quarter turns is taken as the nearest of the eight orientations.
    """
    data = _side_data(frame).get("DISPLAYMATRIX")
    if data is None:
        return (False, False, False)
    a, b, _, c, d, *_ = (int(value) for value in np.frombuffer(bytes(data), np.int32, 9))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (False, a < 0, d < 0)
    return (True, c < 0, b < 0)


def fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image, scaled to fit into another size and centred on black, as in a player's window.

    Args:
        image: uint8 [height, width, 3].
        size: Height and width to give it.
    """
    if image.shape[:2] == size:
        return image
    scale = min(size[0] / image.shape[0], size[1] / image.shape[1])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, (width, height), interpolation=method)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    canvas = np.zeros((*size, 3), np.uint8)
    canvas[top : top + height, left : left + width] = scaled
    return canvas
