"""What is behind a drawn person: a softly blurred room that does not move."""

import functools

import cv2
import numpy as np

from fdd.demo import identities


@functools.lru_cache(maxsize=8)
def draw_backdrop(identity: identities.Identity, size: int) -> np.ndarray:
    """Draws the room of an identity in even light.

    Returns:
        uint8 [size, size, 3], RGB, read-only.
    """
    rng = np.random.default_rng(identity.backdrop_seed)
    colour = np.array(identity.backdrop_colour)
    accent = np.array(identity.accent)
    image = _wall(size, colour, rng)
    draw = {"window": _window, "bokeh": _bokeh, "shelf": _shelf, "panels": _panels}
    if identity.backdrop in draw:
        draw[identity.backdrop](image, colour, accent, rng)
    image = cv2.GaussianBlur(image, (0, 0), size * 0.016)
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    vignette = 1.04 - 0.2 * (rows**2 + columns**2)
    image = np.clip(image * vignette[..., None], 0, 255).astype(np.uint8)
    image.setflags(write=False)
    return image


def _wall(size: int, colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A gradient from a lighter to a darker shade, float32 [size, size, 3]."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    ramp = 0.92 + 0.2 * (rows * np.sin(angle) + columns * np.cos(angle))
    return (ramp[..., None] * colour).astype(np.float32)


def _rectangle(image: np.ndarray, box: tuple[float, float, float, float], colour) -> None:
    """Fills (left, top, right, bottom), given as fractions of the side."""
    left, top, right, bottom = (round(edge * len(image)) for edge in box)
    cv2.rectangle(image, (left, top), (right, bottom), tuple(map(float, colour)), cv2.FILLED)


def _window(image, colour, accent, rng) -> None:
    left, width = rng.uniform(-0.1, 0.55), rng.uniform(0.4, 0.55)
    top, bottom = rng.uniform(-0.05, 0.1), rng.uniform(0.6, 0.8)
    _rectangle(image, (left - 0.03, top - 0.03, left + width + 0.03, bottom + 0.03), colour * 0.7)
    for pane in range(2):
        start = left + pane * width / 2
        sky = 0.6 * np.array([226, 238, 248]) + 0.35 * accent
        _rectangle(image, (start + 0.012, top, start + width / 2 - 0.012, bottom), sky)


def _bokeh(image, colour, accent, rng) -> None:
    image *= 0.55
    for _ in range(16):
        centre = tuple((rng.uniform(0, 1, 2) * len(image)).round().astype(int).tolist())
        radius = round(rng.uniform(0.03, 0.1) * len(image))
        glow = (colour if rng.uniform() < 0.5 else accent) * rng.uniform(0.6, 1.05)
        disc = image.copy()
        cv2.circle(disc, centre, radius, tuple(glow.tolist()), cv2.FILLED, cv2.LINE_AA)
        image[:] = image + (disc - image) * 0.6


def _shelf(image, colour, accent, rng) -> None:
    boards = np.arange(rng.uniform(0.12, 0.3), 1.0, rng.uniform(0.24, 0.3))
    for board in boards:
        left = rng.uniform(-0.05, 0.05)
        while left < 1:
            width, height = rng.uniform(0.03, 0.07), rng.uniform(0.1, 0.19)
            if rng.uniform() < 0.8:
                book = rng.choice((colour, accent)) * rng.uniform(0.5, 1.0)
                book += rng.uniform(-30, 30, 3)
                _rectangle(image, (left, board - height, left + width, board), book.clip(20, 235))
            left += width + 0.008
        _rectangle(image, (0, board, 1, board + 0.02), colour * 0.5)


def _panels(image, colour, accent, rng) -> None:
    edges = np.sort(rng.uniform(0, 1, 3))
    shades = colour * 0.8, colour * 0.5 + accent * 0.45, colour * 1.08
    for left, right, shade in zip(edges, [*edges[1:], 1.0], shades, strict=True):
        _rectangle(image, (left, 0, right, 1), shade)
