"""Videos of what no detector of faked people was trained on: nothing, cartoons and animals.

They are drawn in other styles than the demo's heads, from a seed alone. An animal can also be a
picture of one, warped so that the face detector takes some for a face.
"""

from collections.abc import Callable, Iterator

import cv2
import numpy as np

SIZE, FRAMES = 224, 40
Draw = Callable[[np.random.Generator], Iterator[np.ndarray]]
"""Yields the frames of a video, uint8 [SIZE, SIZE, 3]."""


def _colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    return tuple(int(value) for value in rng.integers(low, high, 3))


def _path(rng: np.random.Generator, reach: float) -> np.ndarray:
    """Smooth values over a video, float [FRAMES], at most `reach` from 0."""
    time = np.arange(FRAMES) / FRAMES
    return reach * np.sin(2 * np.pi * (rng.uniform(0.5, 2) * time + rng.uniform()))


def nothing(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Plain colours, slopes, clouds, noise, bars: nothing to see."""
    kind = rng.integers(5)
    first, second = (np.array(_colour(rng), float) for _ in range(2))
    across = np.tile(np.linspace(0, 1, SIZE), (SIZE, 1))
    coarse = rng.uniform(size=(12, 12)).astype(np.float32)
    for shift in _path(rng, 20):
        mask = {
            0: np.full((SIZE, SIZE), (shift + 20) / 400),
            1: across,
            2: cv2.resize(
                np.roll(coarse, int(shift) % 12), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC
            ),
            3: rng.uniform(size=(SIZE, SIZE)),
            4: (np.floor(across * 9 + shift / 20) % 2),
        }[int(kind)]
        mask = np.clip(mask, 0, 1)[..., None]
        yield (first + (second - first) * mask).astype(np.uint8)


def _ellipse(image: np.ndarray, centre, radii, colour, line: int = -1) -> None:
    points = (tuple(round(8 * value) for value in pair) for pair in (centre, radii))
    cv2.ellipse(image, *points, 0, 0, 360, colour, line, cv2.LINE_AA, 3)


def _polygon(image: np.ndarray, points, colour) -> None:
    cv2.fillPoly(image, [np.round(8 * np.array(points)).astype(np.int32)], colour, cv2.LINE_AA, 3)


def _eyes(image: np.ndarray, rng_values: dict, x: float, y: float, size: float) -> None:
    apart, round_ = rng_values["apart"] * size, rng_values["eye"] * size
    for side in (-1, 1):
        centre = (x + side * apart, y - 0.15 * size)
        _ellipse(image, centre, (round_, rng_values["tall"] * round_), (250, 250, 250))
        _ellipse(image, centre, (round_, rng_values["tall"] * round_), (20, 20, 20), 1)
        pupil = rng_values["pupil"] * round_
        _ellipse(image, centre, (pupil, pupil), rng_values["iris"])


def _values(rng: np.random.Generator) -> dict:
    return {
        "apart": rng.uniform(0.32, 0.45),
        "eye": rng.uniform(0.1, 0.24),
        "tall": rng.uniform(0.7, 1.4),
        "pupil": rng.uniform(0.4, 0.8),
        "iris": _colour(rng, 0, 120),
    }


def cartoon(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """A comic face: flat colours, round eyes, black lines."""
    values, back, hair = _values(rng), _colour(rng), _colour(rng)
    tones = [(255, 219, 172), (255, 217, 15), (141, 85, 36), (120, 190, 90), (240, 190, 160)]
    skin = tones[rng.integers(len(tones))]
    size, tall, line = rng.uniform(45, 75), rng.uniform(1.1, 1.5), int(rng.integers(1, 4))
    bald = rng.random() < 0.3
    for dx, dy, opened in zip(_path(rng, 6), _path(rng, 4), _path(rng, 0.5), strict=True):
        image = np.full((SIZE, SIZE, 3), back, np.uint8)
        x, y = SIZE / 2 + dx, SIZE / 2 + dy
        _polygon(image, [(x - size, SIZE), (x, y + size), (x + size, SIZE)], hair)
        if not bald:
            _ellipse(image, (x, y - 0.3 * size), (1.12 * size, tall * size), hair)
        _ellipse(image, (x, y), (size, tall * size), skin)
        _ellipse(image, (x, y), (size, tall * size), (20, 20, 20), line)
        _eyes(image, values, x, y, size)
        for side in (-1, 1):
            brow = (x + side * values["apart"] * size, y - 0.5 * size)
            _ellipse(image, brow, (0.2 * size, 0.04 * size), (30, 20, 20))
        nose = [
            (x, y - 0.1 * size),
            (x - 0.12 * size, y + 0.3 * size),
            (x + 0.1 * size, y + 0.3 * size),
        ]
        _polygon(image, nose, tuple(int(0.85 * value) for value in skin))
        mouth = (0.35 * size, (0.08 + 0.1 * abs(opened)) * size)
        _ellipse(image, (x, y + 0.65 * tall * size), mouth, (150, 30, 40))
        yield image


def animal(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """A drawn cat, dog or bear, with ears, snout and fur."""
    values, back, fur = _values(rng), _colour(rng), np.array(_colour(rng, 40, 220))
    size, pointed = rng.uniform(45, 70), rng.random() < 0.5
    grain = rng.normal(0, 12, (SIZE, SIZE, 1))
    for dx, dy in zip(_path(rng, 6), _path(rng, 4), strict=True):
        image = np.full((SIZE, SIZE, 3), back, np.uint8)
        x, y = SIZE / 2 + dx, SIZE / 2 + dy
        coat, inner = tuple(map(int, fur)), (230, 170, 170)
        for side in (-1, 1):
            ear = x + side * 0.75 * size
            if pointed:
                tip = (ear + side * 0.1 * size, y - 1.5 * size)
                _polygon(
                    image,
                    [(ear - 0.4 * size, y - 0.5 * size), tip, (ear + 0.4 * size, y - 0.4 * size)],
                    coat,
                )
            else:
                _ellipse(image, (ear, y - 0.75 * size), (0.4 * size, 0.4 * size), coat)
                _ellipse(image, (ear, y - 0.75 * size), (0.2 * size, 0.2 * size), inner)
        _ellipse(image, (x, y), (1.05 * size, size), coat)
        muzzle = tuple(int(value) for value in np.minimum(255, fur + 50))
        _ellipse(image, (x, y + 0.4 * size), (0.5 * size, 0.4 * size), muzzle)
        _eyes(image, values, x, y, size)
        _ellipse(image, (x, y + 0.25 * size), (0.16 * size, 0.11 * size), (30, 25, 25))
        _ellipse(image, (x, y + 0.55 * size), (0.25 * size, 0.04 * size), (60, 30, 30))
        yield np.clip(image + grain, 0, 255).astype(np.uint8)


def warped(picture: np.ndarray) -> Draw:
    """Draws a picture, uint8 [h, w, 3], turned, stretched, relit and moving."""

    def draw(rng: np.random.Generator) -> Iterator[np.ndarray]:
        height, width = picture.shape[:2]
        back, gain = _colour(rng), rng.uniform(0.7, 1.3)
        scale, aspect = rng.uniform(0.5, 1.1), rng.uniform(0.65, 1.3)
        turn = np.deg2rad(rng.uniform(-20, 20))
        flip = rng.choice((-1, 1))
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        matrix = turned @ np.diag((scale * aspect * flip, scale)) * SIZE / max(height, width)
        middle = np.array((width / 2, height / 2))
        for dx, dy in zip(_path(rng, 6), _path(rng, 4), strict=True):
            offset = np.array((SIZE / 2 + dx, SIZE / 2 + dy)) - matrix @ middle
            image = cv2.warpAffine(
                picture, np.column_stack((matrix, offset)), (SIZE, SIZE),
                flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=back,
            )  # fmt: skip
            yield np.clip(gain * image.astype(float), 0, 255).astype(np.uint8)

    return draw
