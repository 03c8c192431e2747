"""The moving parts of a face: eyes, brows and mouth.

Each function gives (colour, outline) pairs in the order of painting; an outline is float64 [n, 3]
in head units.
"""

import numpy as np

from fdd.demo import identities, motion
from fdd.demo.geometry import ellipse, on_face, open_curve, ribbon

Parts = list[tuple[identities.Colour, np.ndarray]]

_WHITE = (242.0, 238.0, 234.0)
_LASHES = (38.0, 26.0, 26.0)
_THROAT = (84.0, 28.0, 32.0)
_TEETH = (236.0, 230.0, 222.0)


def eyes(identity: identities.Identity, state: motion.MotionState) -> Parts:
    """Both eyes with their lids."""
    return _eye(identity, state, -1) + _eye(identity, state, 1)


def _eye(identity: identities.Identity, state: motion.MotionState, side: int) -> Parts:
    half = identity.eye_size
    u = np.linspace(-1, 1, 13)
    dome = 1 - np.abs(u) ** 2.4
    lower = 0.26 * half * dome
    upper = lower - 0.98 * half * dome * min(state.eye_open, 1.0)
    lashes = np.stack([u * half, upper], axis=1)
    white = np.concatenate([lashes, np.stack([u * half, lower], axis=1)[::-1]])
    crease = np.stack([u * half * 1.02, lower - 1.16 * half * dome - 0.02], axis=1)
    gaze = np.array([state.gaze_x * 0.34, -0.2 + state.gaze_y * 0.16]) * half

    def within_lids(points: np.ndarray) -> np.ndarray:
        low = np.interp(points[:, 0], u * half, upper)
        high = np.interp(points[:, 0], u * half, lower)
        return np.column_stack([points[:, 0], np.clip(points[:, 1], low, high)])

    def placed(points: np.ndarray, lift: float = 0.0) -> np.ndarray:
        tilt = -side * identity.eye_tilt
        turned = points @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
        return on_face(turned + (side * identity.eye_spacing, -0.1), lift)

    iris = within_lids(ellipse(gaze, (0.5 * half, 0.5 * half), 20))
    pupil = within_lids(ellipse(gaze, (0.25 * half, 0.25 * half), 14))
    glint = within_lids(ellipse(gaze + (0.16 * half, -0.18 * half), (0.11 * half, 0.11 * half), 10))
    thick = 0.045 * (1.15 - u**2)
    return [
        (identities.mix(identity.skin, (60, 20, 20), 0.3), placed(ribbon(crease, 0.022))),
        (_WHITE, placed(white)),
        (identity.iris, placed(iris)),
        ((18.0, 14.0, 16.0), placed(pupil)),
        ((255.0, 255.0, 255.0), placed(glint)),
        (_LASHES, placed(ribbon(lashes, thick))),
    ]


def brows(identity: identities.Identity) -> Parts:
    """Both brows."""
    colour = identities.mix(identity.hair, identity.skin, 0.12)
    parts = []
    for side in (-1, 1):
        y = -0.1 - identity.brow_height
        offsets = [
            (-0.21, -0.03),
            (-0.03, -0.03 - 0.7 * identity.brow_arch),
            (0.12, -identity.brow_arch),
        ]
        offsets += [(0.25, 0.05)]
        path = open_curve(np.array(offsets) + (identity.eye_spacing, y)) * (side, 1)
        thick = identity.brow_thickness * np.linspace(1.25, 0.35, len(path))
        parts.append((colour, on_face(ribbon(path, thick), 0.04)))
    return parts


def mouth(identity: identities.Identity, state: motion.MotionState) -> Parts:
    """Lips, and the inside of the mouth."""
    half = identity.mouth_width * (1 + 0.06 * state.smile - 0.12 * state.mouth_open)
    full = identity.lip_fullness
    gap = 0.25 * state.mouth_open
    u = np.linspace(-1, 1, 17)
    dome = 1 - u**2
    x = u * half
    corner = 0.56 - (0.04 + 0.04 * state.smile) * u**2
    top = corner - 0.12 * gap * dome
    bottom = corner + gap * dome**0.6
    bow = full * (0.85 * dome**0.7 - 0.25 * np.exp(-((u / 0.16) ** 2)))
    upper_lip = _between(x, top - bow, top + 0.008)
    lower_lip = _between(x, bottom - 0.008, bottom + 1.15 * full * dome**0.6)
    lip_light = _between(x * 0.5, *(bottom + full * np.outer((0.4, 0.7), dome)))
    line = ribbon(np.stack([x, (top + bottom) / 2], axis=1), 0.02 * (1.2 - u**2))
    teeth = _between(x * 0.86, top, np.minimum(bottom, top + 0.075))
    dark = identities.mix(identity.lips, (50, 10, 16), 0.55)
    parts = [(dark, line)]
    if gap > 0.02:
        parts += [(_THROAT, _between(x, top, bottom)), (_TEETH, teeth)]
    parts += [
        (identities.mix(identity.lips, (60, 20, 26), 0.16), upper_lip),
        (identity.lips, lower_lip),
        (identities.mix(identity.lips, (255, 226, 222), 0.22), lip_light),
    ]
    return [(colour, on_face(outline, 0.06)) for colour, outline in parts]


def _between(x: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """The outline of the region between two curves over `x` [n], float [2n, 2]."""
    return np.column_stack([np.concatenate([x, x[::-1]]), np.concatenate([upper, lower[::-1]])])
