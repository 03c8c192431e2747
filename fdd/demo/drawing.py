"""One frame of a talking head, drawn with anti-aliased outlines at sub-pixel positions."""

from collections.abc import Iterable

import cv2
import numpy as np

from fdd.demo import backdrops, clothes, features, identities, motion, shapes
from fdd.demo.geometry import HEAD_CENTRE, HEAD_SCALE, at_depth, head_transform

_OVERSAMPLING = 2
_SHIFT = 5
_EXPOSURE = 0.84
_NEUTRAL = 160
_TINTS = (
    ("skull", 0.0, (1.0, 1.0, 1.0)),
    ("side_shade", 0.0, (0.84, 0.8, 0.82)),
    ("cheeks", 0.0, (1.04, 0.9, 0.9)),
    ("sockets", 0.0, (0.9, 0.86, 0.86)),
    ("front_hair", 0.1, (0.84, 0.8, 0.8)),
    ("stubble", 0.0, (0.84, 0.84, 0.87)),
    ("chin_shade", 0.0, (0.9, 0.86, 0.86)),
)
"""Soft shadows in the order of painting: a part, its shift downwards, its gain on R, G and B."""


class _Canvas:
    """A picture, and the brightness of the light on it."""

    def __init__(self, image: np.ndarray, light: float):
        self.image = image
        self._gain = _EXPOSURE * light

    def fill(self, outline: np.ndarray, colour: identities.Colour) -> None:
        """Fills an outline, float [n, 2] in pixels."""
        _fill(self.image, outline, [_tone(channel * self._gain) for channel in colour])


class _ToFrame:
    """Maps head units to pixels at one moment: float [n, 3] -> [n, 2]."""

    def __init__(self, state: motion.MotionState, size: int):
        self.scale = HEAD_SCALE * size
        self.centre = np.array(HEAD_CENTRE) * size
        self._matrix, self._offset = head_transform(state, size)
        self._mouth_open = state.mouth_open

    def __call__(self, outline: np.ndarray) -> np.ndarray:
        return shapes.with_open_mouth(outline, self._mouth_open) @ self._matrix + self._offset


def _tone(value: float) -> float:
    """Compresses highlights, so that no light saturates a channel."""
    return value if value < 195 else 255 - 60 * float(np.exp((195 - value) / 60))


def _fill(image: np.ndarray, outline: np.ndarray, colour: Iterable[float]) -> None:
    # For OpenCV, (0, 0) is the middle of the first pixel.
    points = np.rint((outline - 0.5) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(image, [points], tuple(colour), cv2.LINE_AA, _SHIFT)


def draw_frame(identity: identities.Identity, state: motion.MotionState, size: int) -> np.ndarray:
    """Draws a person at one moment.

    Args:
        identity: The person and the room.
        state: The pose, the expression and the light.
        size: Side of the frame in pixels.

    Returns:
        uint8 [size, size, 3], RGB.
    """
    side = size * _OVERSAMPLING
    dim = 1 + 0.3 * (state.light - 1)
    room = cv2.convertScaleAbs(backdrops.draw_backdrop(identity, side), alpha=dim)
    canvas = _Canvas(room, state.light)
    to_frame = _ToFrame(state, side)
    parts = shapes.head_shapes(identity)

    def paint(name: str, colour: identities.Colour) -> None:
        for outline in parts[name]:
            canvas.fill(to_frame(outline), colour)

    def paint_features(features_in_order: features.Parts) -> None:
        for colour, outline in features_in_order:
            canvas.fill(to_frame(outline), colour)

    dark_hair = identities.mix(identity.hair, (12, 8, 12), 0.3)
    paint("back_hair", dark_hair)
    _paint_body(canvas, identity, state, to_frame)
    paint("ears", identities.mix(identity.skin, (110, 40, 40), 0.14))
    paint("skull", identity.skin)
    _shade(canvas.image, parts, to_frame)
    paint("beard", identities.mix(identity.hair, identity.skin, 0.16))
    paint("nostrils", identities.mix(identity.skin, (70, 16, 16), 0.5))
    paint("moustache", identities.mix(identity.hair, (12, 8, 12), 0.15))
    paint_features(features.mouth(identity, state))
    paint_features(features.eyes(identity, state))
    paint_features(features.brows(identity))
    paint("front_hair", identity.hair)
    paint("hair_shine", identities.mix(identity.hair, (255, 236, 214), 0.16))
    paint("frames", (46, 42, 48))
    return cv2.resize(canvas.image, (size, size), interpolation=cv2.INTER_AREA)


def inner_face_mask(
    identity: identities.Identity, state: motion.MotionState, size: int
) -> np.ndarray:
    """The region in which a face swap replaces the face: from brows to chin, with a soft edge.

    Returns:
        float32 [size, size], from 0 (exactly, outside) to 1.
    """
    to_frame = _ToFrame(state, size)
    mask = np.zeros((size, size), np.uint8)
    for outline in shapes.head_shapes(identity)["inner_face"]:
        _fill(mask, to_frame(outline), (255.0,))
    width = 2 * round(size * 0.03) + 1
    return cv2.GaussianBlur(mask, (width, width), 0).astype(np.float32) / 255


def _shade(image: np.ndarray, parts: shapes.Shapes, to_frame: _ToFrame) -> None:
    """Multiplies a picture by soft shadows and highlights, in place."""
    side = len(image)
    small = np.full((side // 4, side // 4, 3), _NEUTRAL, np.uint8)

    def tint(outline: np.ndarray, *gains: float) -> None:
        _fill(small, to_frame(outline) / 4, [_NEUTRAL * gain for gain in gains])

    tint(shapes.BELOW_CHIN, 0.74, 0.7, 0.72)
    for name, shift, gains in _TINTS:
        for outline in parts[name]:
            tint(outline + (0.0, shift, 0.0), *gains)
    small = cv2.GaussianBlur(small, (0, 0), side * 0.006)
    for outline in parts["nose_shade"]:
        tint(outline, 0.84, 0.79, 0.79)
    for outline in parts["nose_light"]:
        tint(outline, 1.12, 1.12, 1.12)
    small = cv2.GaussianBlur(small, (0, 0), side * 0.002)
    tints = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
    cv2.multiply(image, tints, image, scale=1 / _NEUTRAL)


def _paint_body(
    canvas: _Canvas, identity: identities.Identity, state: motion.MotionState, to_frame: _ToFrame
) -> None:
    """Paints neck, shoulders and clothes, which follow the head a little."""
    follow = np.array([state.shift_x * 0.4 + state.yaw * 0.1, state.shift_y * 0.3])

    def body(points: np.ndarray) -> np.ndarray:
        return (points + follow) * to_frame.scale + to_frame.centre

    cloth = identity.clothes_colour
    darker = identities.mix(cloth, (12, 8, 24), 0.28)
    lighter = identities.mix(cloth, (255, 250, 244), 0.3)
    skin = identities.mix(identity.skin, (110, 40, 40), 0.1)
    worn = clothes.clothes_shapes(identity.clothes)
    jaw = to_frame(at_depth(np.array([(-0.42, 0.4), (0.42, 0.4)]), -0.1))
    neck = np.concatenate([jaw, body(np.array([(0.46, 1.3), (-0.46, 1.3)]))])
    for outline in worn["hood"]:
        canvas.fill(body(outline), darker)
    for outline in worn["torso"]:
        canvas.fill(body(outline), cloth)
    canvas.fill(neck, skin)
    for outline in worn["neckline"]:
        canvas.fill(body(outline), skin)
    for outline in worn["trim"]:
        canvas.fill(body(outline), darker)
    for outline in worn["collar"]:
        canvas.fill(body(outline), lighter)
