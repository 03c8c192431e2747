"""Haircuts."""

import functools

import numpy as np

from fdd.demo import identities
from fdd.demo.geometry import at_depth, closed_curve, ellipse, mirrored, on_face, open_curve, ribbon

_ROUND = [
    (0.9, -0.2),
    (0.84, -0.5),
    (0.5, -0.76),
    (0.0, -0.82),
    (-0.5, -0.76),
    (-0.84, -0.5),
    (-0.9, -0.2),
]
_SWEPT = [
    (0.9, -0.2),
    (0.86, -0.46),
    (0.6, -0.66),
    (0.1, -0.72),
    (-0.3, -0.8),
    (-0.66, -0.6),
    (-0.9, -0.2),
]
_FRINGE = [
    (0.92, 0.0),
    (0.84, -0.38),
    (0.5, -0.52),
    (0.0, -0.56),
    (-0.5, -0.52),
    (-0.84, -0.38),
    (-0.92, 0.0),
]
_PARTED = [
    (0.97, 0.1),
    (0.86, -0.3),
    (0.5, -0.66),
    (0.04, -0.92),
    (-0.5, -0.66),
    (-0.86, -0.3),
    (-0.97, 0.1),
]


def hair_outlines(identity: identities.Identity) -> tuple[tuple[np.ndarray, ...], ...]:
    """Outlines of an identity's hair, each float64 [n, 3] in head units.

    Returns:
        The hair behind the head, the hair in front of it, and the shine on that.
    """
    width, style = identity.face_width, identity.hair_style
    cap = functools.partial(_cap, identity)
    behind: tuple[np.ndarray, ...] = ()
    if style == "buzz":
        front = (cap(0.02, -0.12, _ROUND),)
    elif style == "short":
        front = (cap(0.12, -0.06, _ROUND),)
    elif style == "quiff":
        tuft = ellipse((0.08, -1.05), (0.62 * width, 0.3), 20)
        front = (cap(0.08, -0.06, _ROUND), on_face(tuft, 0.1))
    elif style == "side_part":
        front = (cap(0.15, -0.02, _SWEPT),)
    elif style == "curly":
        angles = np.linspace(0.97 * np.pi, 2.03 * np.pi, 13)
        centres = np.stack([np.cos(angles) * width * 1.0, np.sin(angles) * 1.0 - 0.16], axis=1)
        curls = tuple(at_depth(ellipse(c, (0.25, 0.25), 16), -0.05) for c in centres)
        front = (cap(0.12, -0.05, _ROUND), *curls)
    elif style == "bob":
        half = [(0.5, -1.3), (1.08, -0.8), (1.2, 0.0), (1.22, 0.55), (0.95, 0.8), (0.4, 0.8)]
        behind = (at_depth(closed_curve(mirrored(np.array(half) * (width, 1))), -0.3),)
        front = (cap(0.16, 0.1, _FRINGE),)
    elif style == "long":
        half = [(0.5, -1.3), (1.1, -0.8), (1.2, 0.0), (1.3, 0.8), (1.4, 1.5), (0.9, 1.75)]
        behind = (at_depth(closed_curve(mirrored(np.array(half) * (width, 1))), -0.3),)
        front = (cap(0.16, 0.2, _PARTED),)
    else:
        behind = (at_depth(ellipse((0.0, -1.35), (0.36, 0.32)), -0.2),)
        front = (cap(0.1, -0.04, _ROUND),)
    arc = open_curve(np.array([(-0.62, -0.9), (-0.2, -1.02), (0.25, -0.98)]) * (width, 1))
    arc *= (-np.sign(identity.lit_side), 1)
    thick = 0.09 * (1 - np.linspace(-1, 1, len(arc)) ** 2) + 0.005
    return behind, front, (on_face(ribbon(arc, thick), 0.1),)


def _cap(
    identity: identities.Identity, height: float, sides: float, hairline: list[tuple[float, float]]
) -> np.ndarray:
    """Hair on the top of a head, from ear to ear: its outside, then its hairline; [n, 3]."""
    width = identity.face_width
    half = np.array(
        [
            (0.0, -1.1 - height),
            (0.55 * width, -1.04 - 0.85 * height),
            (0.96 * width + 0.5 * height, -0.66 - 0.45 * height),
            (1.03 * width + 0.3 * height, -0.15),
        ]
    )
    end = np.array([(0.99 * width, sides)])
    outside = open_curve(np.concatenate([end * (-1, 1), half[:0:-1] * (-1, 1), half, end]))
    inside = open_curve(np.array(hairline) * (width, 1))
    return np.concatenate([at_depth(outside, -0.05), on_face(inside, 0.03)])
