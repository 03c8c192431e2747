"""Aligned faces: each frame rotated, scaled and shifted so that five landmarks lie on a template.

Faces are cut as GenD's authors cut them (Yermakov et al., arXiv 2508.06248, `align_face` in
github.com/yermandy/GenD), so that networks trained on their crops can be used: a similarity
transform to the template below, with a bilinear warp at about the face's size in the frame, black
beyond the frame's border; then a bicubic, antialiased resize (Pillow's, which Hugging Face's
preprocessing of CLIP uses). Two things differ. The transform is fitted by least squares, while
theirs leaves out landmarks that fit badly (OpenCV's least median of squares). And the landmarks are
YuNet's, while theirs are RetinaFace's.

YuNet's landmarks are rotated less than the head. When frames of sixteen videos of real people were
rotated by 10 and by 20 degrees, its landmarks rotated by 0.61 of that on average. So the face is
searched again in its aligned crop, where it is nearly upright (`refined`): that gave 0.86. The rest
of a head's tilt remains in its crop.
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
"""Positions of the landmarks in a unit square, in the order of `fdd.video.landmarks.NAMES`.
(margin - 1) / 2 is added on each side. The template is symmetric."""
REFINEMENTS = 2
"""How many times a face is searched again in its aligned crop, at most."""
_UPRIGHT = np.radians(1.5)  # A search that rotates the face by less is the last one.
_REFINED_SIDE, _REFINED_MARGIN = 128, 2.0  # Of the crops that are searched.
_OTHER_FACE = 0.25  # Of a crop's side: a face farther from the middle is another one.
_PAIRS = np.triu_indices(len(TEMPLATE), k=1)
_LARGEST = 8192
"""The largest side of a warp in pixels. No picture that is read has faces as large as this."""


def on_template(margin: float, size: int) -> np.ndarray:
    """The template in the pixels of a crop of `size`: float64 [5, 2]."""
    return (TEMPLATE + (margin - 1) / 2) / margin * size


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The similarity transform from points to other points with the least squared error.

    That is rotation, scaling and translation, without reflection. With points as complex numbers it
    is t = a s + b, and the least squares solution has a closed form.

    Args:
        source: float [n, 2].
        target: float [n, 2].

    Returns:
        float64 [2, 3], to be multiplied with (x, y, 1).

    Raises:
        ValueError: the source points are all at one place.

    References:
        Umeyama: Least-Squares Estimation of Transformation Parameters Between Two Point Patterns,
        1991, equations 40 to 43.
    """
    s, t = (np.asarray(points, float) @ np.array([1, 1j]) for points in (source, target))
    s0, t0 = s.mean(), t.mean()
    spread = np.sum(np.abs(s - s0) ** 2)
    if not spread > 0:
        raise ValueError("landmarks at one place do not define a rotation")
    a = np.sum(np.conj(s - s0) * (t - t0)) / spread
    b = t0 - a * s0
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def transform(points: Points, margin: float) -> np.ndarray:
    """The transform from a frame's pixels to its aligned crop as a unit square: float64 [2, 3].

    Args:
        points: The face's landmarks, in pixels of the frame.
        margin: Side of the crop over the side of the template's unit square.
    """
    return similarity(np.asarray(points, float), on_template(margin, 1))


def size_in_frame(points: Points, margin: float) -> int:
    """The side of a crop in pixels at about the frame's own scale.

    It follows from the mean ratio of the distances between landmarks to those of the template.
    """
    ratio = np.mean(_distances(np.asarray(points, float)) / _distances(TEMPLATE))
    return int(np.clip(np.round(ratio * margin), 1, _LARGEST))


def _distances(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[_PAIRS[0]] - points[_PAIRS[1]], axis=-1)


def aligned(frame: np.ndarray, move: np.ndarray, side: int, size: int) -> np.ndarray:
    """Crops a face so that its landmarks lie on the template.

    Args:
        frame: uint8 [height, width, 3].
        move: The frame's `transform`.
        side: Side of the warped picture in pixels; see `size_in_frame`.
        size: Height and width of the result in pixels.

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
    """Landmarks from further searches in the aligned crop; unchanged if these find no face.

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
    """The positions of a frame's landmarks in its aligned crop, in pixels of the crop.

    Args:
        points: In pixels of the frame.
        move: The frame's `transform`.
        size: Side of the crop in pixels.
    """
    return as_points((np.asarray(points, float) @ move[:, :2].T + move[:, 2])[None] * size)[0]


def around(moves: Sequence[np.ndarray]) -> Box:
    """The axis-aligned box around everything that the crops show, in pixels of the frames.

    Args:
        moves: Each frame's `transform`.
    """
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float)
    backs = [(np.linalg.inv(move[:, :2]), move[:, 2]) for move in moves]
    shown = np.concatenate([(corners - shift) @ turn.T for turn, shift in backs])
    x0, y0, x1, y1 = *shown.min(axis=0), *shown.max(axis=0)
    return (float(x0), float(y0), float(x1), float(y1))
