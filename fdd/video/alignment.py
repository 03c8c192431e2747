"""Aligned faces: each frame turned, scaled and shifted so that five landmarks lie on a template.

As GenD's authors cut faces (Yermakov et al., arXiv 2508.06248, `align_face` in github.com/
yermandy/GenD), so that networks trained on theirs see what they know: a similarity transform to the
template below; the warp is bilinear, at about the size that the face has in the frame, and black
beyond the frame's border; and then a bicubic resize that smooths where it shrinks (Pillow's, which
Hugging Face's preprocessing of CLIP takes). Two things differ. The transform is the one of least
squares, where theirs leaves out landmarks that fit badly (OpenCV's least median of squares). And
landmarks are YuNet's, where theirs are RetinaFace's.

YuNet's landmarks lean less than the head does. When frames of sixteen videos of real people were
turned by 10 and by 20 degrees, its landmarks turned by 0.61 of that on average. So a face is
searched again in what it aligns to, where it is nearly upright (`refined`): that gave 0.86. What
remains of a head's tilt is seen in its crop.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from fdd.video.crops import Box
from fdd.video.faces import detect_faces
from fdd.video.landmarks import Points, as_points

KINDS = ("smoothed", "per_frame")
TEMPLATE_NAME = "GenD"
TEMPLATE = np.array([[0.34, 0.46], [0.66, 0.46], [0.5, 0.64], [0.37, 0.82], [0.63, 0.82]])
"""Where the landmarks come to lie in a unit square, in the order of `fdd.video.landmarks.NAMES`.
Half of what the margin is above 1 is added on each side. It is its own mirror image."""
REFINEMENTS = 2
"""How often a face is searched again in what it aligns to, at most."""
_UPRIGHT = np.radians(1.5)  # A search that turns the face by less is the last one.
_REFINED_SIDE, _REFINED_MARGIN = 128, 2.0  # Of the crops that are searched.
_OTHER_FACE = 0.25  # Of a crop's side: a face farther from the middle is another one.
_PAIRS = np.triu_indices(len(TEMPLATE), k=1)
_LARGEST = 8192
"""Pixels: the largest side of a warp. No picture that is read has faces as large."""


def on_template(margin: float, size: int) -> np.ndarray:
    """The template in the pixels of a crop of `size`: float64 [5, 2]."""
    return (TEMPLATE + (margin - 1) / 2) / margin * size


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The similarity transform that takes points nearest to others, by least squares.

    Turning, scaling and shifting, without mirroring. In the plane as complex numbers it is
    t = a s + b, whose least squares have a closed form.

    Args:
        source: float [n, 2].
        target: float [n, 2].

    Returns:
        float64 [2, 3], to be multiplied with (x, y, 1).

    Raises:
        ValueError: the points to move are all at one place.

    References:
        Umeyama: Least-Squares Estimation of Transformation Parameters Between Two Point Patterns,
        1991, equations 40 to 43.
    """
    s, t = (np.asarray(points, float) @ np.array([1, 1j]) for points in (source, target))
    s0, t0 = s.mean(), t.mean()
    spread = np.sum(np.abs(s - s0) ** 2)
    if not spread > 0:
        raise ValueError("landmarks at one place show no direction to turn a face to")
    a = np.sum(np.conj(s - s0) * (t - t0)) / spread
    b = t0 - a * s0
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def transform(points: Points, margin: float) -> np.ndarray:
    """What takes a frame to its aligned crop as a unit square: float64 [2, 3].

    Args:
        points: The face's landmarks, in pixels of the frame.
        margin: Side of the crop over the side of the template's unit square.
    """
    return similarity(np.asarray(points, float), on_template(margin, 1))


def size_in_frame(points: Points, margin: float) -> int:
    """Pixels of a crop's side at about the scale of the frame.

    By the mean ratio of the distances between landmarks to those of the template.
    """
    ratio = np.mean(_distances(np.asarray(points, float)) / _distances(TEMPLATE))
    return int(np.clip(np.round(ratio * margin), 1, _LARGEST))


def _distances(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[_PAIRS[0]] - points[_PAIRS[1]], axis=-1)


def aligned(frame: np.ndarray, move: np.ndarray, side: int, size: int) -> np.ndarray:
    """A face on the template.

    Args:
        frame: uint8 [height, width, 3].
        move: The frame's `transform`.
        side: Pixels at which to warp; see `size_in_frame`.
        size: Height and width to give it, in pixels.

    Returns:
        uint8 [size, size, 3].
    """
    near = _warped(frame, move * side, side)
    if side == size:
        return near
    return np.asarray(Image.fromarray(near).resize((size, size), Image.Resampling.BICUBIC))


def _warped(frame: np.ndarray, move: np.ndarray, side: int) -> np.ndarray:
    whole = move.copy()
    whole[:, 2] += move[:, :2] @ (0.5, 0.5) - 0.5  # To OpenCV, a pixel's middle is a whole number.
    return cv2.warpAffine(frame, whole, (side, side), flags=cv2.INTER_LINEAR)


def refined(frame: np.ndarray, points: Points) -> Points:
    """Landmarks as searches of the aligned face find them, as far as they find any.

    Args:
        frame: uint8 [height, width, 3], RGB.
        points: The face's landmarks in it, in pixels.
    """
    side = _REFINED_SIDE
    template = on_template(_REFINED_MARGIN, side)
    for _ in range(REFINEMENTS):
        move = similarity(np.asarray(points, float), template)
        faces = detect_faces(_warped(frame, move, side), is_crop=True)
        found = [np.array(face.landmarks) for face in faces]
        away = [np.linalg.norm((each - template).mean(axis=0)) for each in found]
        if not found or min(away) > _OTHER_FACE * side:
            return points
        inside = found[int(np.argmin(away))]
        points = as_points((inside - move[:, 2])[None] @ np.linalg.inv(move[:, :2]).T)[0]
        turn = similarity(inside, template)
        if abs(np.arctan2(turn[1, 0], turn[0, 0])) < _UPRIGHT:
            return points
    return points


def in_crop(points: Points, move: np.ndarray, size: int) -> Points:
    """Where landmarks of a frame are in its aligned crop, in pixels of that.

    Args:
        points: In pixels of the frame.
        move: The frame's `transform`.
        size: Of the crop, in pixels.
    """
    return as_points((np.asarray(points, float) @ move[:, :2].T + move[:, 2])[None] * size)[0]


def around(moves: Sequence[np.ndarray]) -> Box:
    """The upright box in a video's frames around all that the crops of some frames show.

    Args:
        moves: Each frame's `transform`.
    """
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float)
    backs = [(np.linalg.inv(move[:, :2]), move[:, 2]) for move in moves]
    shown = np.concatenate([(corners - shift) @ turn.T for turn, shift in backs])
    x0, y0, x1, y1 = *shown.min(axis=0), *shown.max(axis=0)
    return (float(x0), float(y0), float(x1), float(y1))
