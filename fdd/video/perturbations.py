"""The usual damage to video frames, each kind at five levels, to measure robustness."""

import io
from collections.abc import Callable, Sequence

import av
import cv2
import numpy as np

Frames = Sequence[np.ndarray]
LEVELS = (1, 2, 3, 4, 5)


def _saturation(frames: Frames, fraction: float) -> list[np.ndarray]:
    """Multiplies the colour by a fraction."""
    damaged = []
    for frame in frames:
        ycrcb = cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb).astype(np.float32)
        ycrcb[..., 1:] = 128 + (ycrcb[..., 1:] - 128) * fraction
        damaged.append(cv2.cvtColor(_bytes(ycrcb), cv2.COLOR_YCrCb2RGB))
    return damaged


def _contrast(frames: Frames, fraction: float) -> list[np.ndarray]:
    """Multiplies the contrast by a fraction."""
    return [_bytes(frame.astype(np.float32) * fraction) for frame in frames]


def _blocks(frames: Frames, count: float) -> list[np.ndarray]:
    """Paints gray squares, a 40th of the frame's height wide, at random places in each frame."""
    rng = np.random.default_rng(0)
    damaged = []
    for frame in frames:
        height, width = frame.shape[:2]
        side = max(2, height // 40)
        copy = frame.copy()
        for _ in range(int(count)):
            top = rng.integers(0, max(1, height - side))
            left = rng.integers(0, max(1, width - side))
            copy[top : top + side, left : left + side] = 127
        damaged.append(copy)
    return damaged


def _noise(frames: Frames, variance: float) -> list[np.ndarray]:
    """Adds Gaussian noise; the variance is for values from 0 to 1."""
    rng = np.random.default_rng(0)
    damaged = []
    for frame in frames:
        noise = rng.standard_normal(frame.shape, np.float32) * 255 * np.sqrt(variance)
        damaged.append(_bytes(frame + noise))
    return damaged


def _blur(frames: Frames, size: float) -> list[np.ndarray]:
    """Blurs with a Gaussian kernel of this width in pixels."""
    kernel = (int(size), int(size))
    return [cv2.GaussianBlur(frame, kernel, size / 6) for frame in frames]


def _pixelation(frames: Frames, factor: float) -> list[np.ndarray]:
    """Makes pixels larger by this factor."""
    damaged = []
    for frame in frames:
        height, width = frame.shape[:2]
        small = (max(1, round(width / factor)), max(1, round(height / factor)))
        coarse = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
        damaged.append(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST))
    return damaged


def _compression(frames: Frames, crf: float) -> list[np.ndarray]:
    """Codes the frames as H.264 with this constant rate factor, and decodes them."""
    height, width = (side - side % 2 for side in frames[0].shape[:2])
    # x264 in one thread and without assembly: otherwise its output varies from run to run.
    options = {"crf": str(crf), "x264-params": "threads=1:asm=0"}
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        stream = out.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            image = np.ascontiguousarray(frame[:height, :width])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode(None))
    file.seek(0)
    damaged = []
    with av.open(file) as coded:
        for picture, frame in zip(coded.decode(video=0), frames, strict=True):
            whole = frame.copy()  # An odd last row or column is not coded.
            whole[:height, :width] = picture.to_ndarray(format="rgb24")
            damaged.append(whole)
    return damaged


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


_KINDS: dict[str, tuple[Callable[[Frames, float], list[np.ndarray]], tuple[float, ...]]] = {
    "saturation": (_saturation, (0.4, 0.3, 0.2, 0.1, 0.0)),
    "contrast": (_contrast, (0.85, 0.725, 0.6, 0.475, 0.35)),
    "block noise": (_blocks, (16, 32, 48, 64, 80)),
    "Gaussian noise": (_noise, (0.001, 0.002, 0.005, 0.01, 0.05)),
    "blur": (_blur, (7, 9, 13, 17, 21)),
    "pixelation": (_pixelation, (2, 3, 4, 5, 6)),
    "compression": (_compression, (30, 32, 35, 38, 40)),
}
KINDS = tuple(_KINDS)


def perturb(frames: Frames, kind: str, level: int) -> list[np.ndarray]:
    """Damages the frames of a clip; equal frames always give equal results.

    Args:
        frames: uint8 [height, width, 3] each, RGB, all of one size.
        kind: One of `KINDS`.
        level: 1 (slight) to 5 (severe).

    Returns:
        The same number of frames, of the same shape.

    Raises:
        KeyError: there is no such kind.
        ValueError: there is no such level.

    References:
        The kinds and the five levels follow Jiang et al., DeeperForensics-1.0: A Large-Scale
        Dataset for Real-World Face Forgery Detection, CVPR 2020, as commonly used since Haliassos
        et al., Lips Don't Lie, CVPR 2021. The parameters are this project's reading of both.
    """
    function, parameters = _KINDS[kind]
    if level not in LEVELS:
        raise ValueError(f"level must be from 1 to 5, not {level}")
    return function(frames, parameters[level - 1])
