"""The rigid parts of a head, except hair: skull, beard, glasses, nose, shading."""

import functools

import numpy as np

from fdd.demo import hair, identities
from fdd.demo.geometry import at_depth, closed_curve, ellipse, mirrored, on_face, open_curve, ribbon

Shapes = dict[str, tuple[np.ndarray, ...]]
"""For each part, its filled outlines, each float64 [n, 3] in head units."""


BELOW_CHIN = at_depth(np.array([(-0.36, 0.9), (0.36, 0.9), (0.3, 1.2), (-0.3, 1.2)]), 0.0)
"""The head's shadow on the neck."""


@functools.lru_cache(maxsize=8)
def head_shapes(identity: identities.Identity) -> Shapes:
    """Outlines of everything on a head that moves with it as one piece.

    Returns:
        'skull', 'ears', 'back_hair', 'front_hair', 'hair_shine', 'beard', 'stubble', 'moustache',
        'frames' (of glasses), 'nose_shade', 'nostrils', 'nose_light', 'side_shade', 'cheeks',
        'sockets', 'chin_shade' and 'inner_face' (what a face swap replaces); a part that the
        identity does not have is empty.
    """
    width = identity.face_width
    back_hair, front_hair, shine = hair.hair_outlines(identity)
    shapes = {
        "skull": (on_face(_face_outline(width, identity.jaw)),),
        "ears": tuple(at_depth(ellipse((s * width, 0.02), (0.13, 0.2)), -0.12) for s in (-1, 1)),
        "back_hair": back_hair,
        "front_hair": front_hair,
        "hair_shine": shine,
        "inner_face": (on_face(_inner_face(identity)),),
        **_shading(identity),
        **_nose(identity),
        **_facial_hair(identity),
        **_glasses(identity),
    }
    return shapes


def with_open_mouth(points: np.ndarray, mouth_open: float) -> np.ndarray:
    """Lowers the points that move with the jaw, float [n, d] -> [n, d]."""
    fraction = np.clip((points[:, 1] - 0.2) / 0.7, 0, 1)
    lowered = points.copy()
    lowered[:, 1] += 0.09 * mouth_open * fraction
    return lowered


def _face_outline(width: float, jaw: float) -> np.ndarray:
    """The edge of a face, float [n, 2]."""
    half = np.array(
        [
            (0.0, -1.1),
            (0.52 * width, -1.0),
            (0.9 * width, -0.62),
            (1.0 * width, -0.12),
            (0.95 * width, 0.3),
            ((0.7 + 0.14 * jaw) * width, 0.7),
            ((0.32 + 0.16 * jaw) * width, 0.96),
        ]
    )
    chin = np.array([(0.0, 1.03)])
    return closed_curve(np.concatenate([half, chin, half[:0:-1] * (-1, 1)]))


def _inner_face(identity: identities.Identity) -> np.ndarray:
    """From the brows to the chin and from cheek to cheek, float [n, 2]."""
    width = identity.face_width
    half = [(0.3 * width, -0.5), (0.66 * width, -0.42), (0.76 * width, 0.0), (0.66 * width, 0.4)]
    half += [(0.42 * width, 0.72), (0.15 * width, 0.84)]
    return closed_curve(mirrored(np.array(half)))


def _nose(identity: identities.Identity) -> Shapes:
    tip = -0.1 + identity.nose_length
    wide = identity.nose_width
    side = np.sign(identity.lit_side)
    bridge = open_curve(np.array([(0.3, -0.28), (0.35, 0.0), (0.75, tip - 0.1), (1.05, tip)]))
    bridge = bridge * (-side * wide, 1)
    back = np.array([(-side * wide * 0.6, tip + 0.07), (0.0, tip - 0.03), (0.0, -0.2)])
    under = open_curve(
        np.array(
            [
                (-wide, tip - 0.01),
                (-wide * 0.6, tip + 0.05),
                (0, tip + 0.065),
                (wide * 0.6, tip + 0.05),
                (wide, tip - 0.01),
            ]
        )
    )
    light = ellipse((side * wide * 0.15, tip - 0.1), (wide * 0.38, 0.1))
    return {
        "nose_shade": (on_face(np.concatenate([bridge, back]), 0.1),),
        "nostrils": (
            on_face(ribbon(under, np.linspace(-1, 1, len(under)) ** 2 * -0.02 + 0.035), 0.14),
        ),
        "nose_light": (on_face(light, 0.2),),
    }


def _shading(identity: identities.Identity) -> Shapes:
    width, side = identity.face_width, np.sign(identity.lit_side)
    outline = _face_outline(width, identity.jaw)
    shaded = outline[outline[:, 0] * side < 0]
    inner = shaded * (0.62, 0.92)
    spread = identity.eye_spacing
    sockets = tuple(
        on_face(ellipse((s * spread, -0.17), (identity.eye_size * 1.25, 0.15))) for s in (-1, 1)
    )
    cheeks = tuple(on_face(ellipse((s * width * 0.55, 0.28), (0.2, 0.15))) for s in (-1, 1))
    chin = ellipse((0.0, 0.79), (0.17, 0.035))
    return {
        "side_shade": (on_face(np.concatenate([shaded, inner[::-1]])),),
        "sockets": sockets,
        "cheeks": cheeks,
        "chin_shade": (on_face(chin),),
    }


def _facial_hair(identity: identities.Identity) -> Shapes:
    kind, width = identity.facial_hair, identity.face_width
    beard: tuple[np.ndarray, ...] = ()
    moustache: tuple[np.ndarray, ...] = ()
    if kind in ("stubble", "beard"):
        outline = _face_outline(width * 1.01, identity.jaw)
        low = outline[outline[:, 1] > 0.16]
        low = low[np.argsort(np.arctan2(low[:, 0], low[:, 1] - 0.16))]
        inner = open_curve(
            np.array(
                [
                    (0.82, 0.2),
                    (0.66, 0.42),
                    (0.42, 0.46),
                    (0.0, 0.42),
                    (-0.42, 0.46),
                    (-0.66, 0.42),
                    (-0.82, 0.2),
                ]
            )
        ) * (width, 1)
        beard = (on_face(np.concatenate([low, inner])),)
    if kind in ("moustache", "beard"):
        path = np.array([(-0.3, 0.57), (-0.18, 0.45), (0, 0.41), (0.18, 0.45), (0.3, 0.57)])
        path = open_curve(path)
        thick = 0.11 * (1 - np.linspace(-1, 1, len(path)) ** 2) + 0.02
        moustache = (on_face(ribbon(path, thick), 0.08),)
    stubble = beard if kind == "stubble" else ()
    return {"beard": () if stubble else beard, "stubble": stubble, "moustache": moustache}


def _glasses(identity: identities.Identity) -> Shapes:
    if identity.glasses == "none":
        return {"frames": ()}
    centres = [(s * identity.eye_spacing, -0.1) for s in (-1, 1)]
    if identity.glasses == "round":
        rims = [ellipse(centre, (0.26, 0.25), 32) for centre in centres]
    else:
        corner = np.array([(-0.27, -0.19), (0.27, -0.19), (0.25, 0.19), (-0.25, 0.19)])
        sides = np.concatenate([corner * 0.82 + np.roll(corner, k, 0) * 0.18 for k in (1, -1)])
        sides = sides[np.argsort(np.arctan2(sides[:, 1], sides[:, 0]))]
        rims = [closed_curve(sides) + centre for centre in centres]
    lines = [np.concatenate([rim, rim[:2]]) for rim in rims]
    reach = identity.eye_spacing - 0.25
    lines.append(np.array([(-reach, -0.14), (0.0, -0.17), (reach, -0.14)]))
    for s in (-1, 1):
        lines.append(
            np.array([(s * (identity.eye_spacing + 0.26), -0.14), (s * identity.face_width, -0.08)])
        )
    return {"frames": tuple(on_face(ribbon(line, 0.034), 0.1) for line in lines)}
