"""What people wear."""

import functools

import numpy as np

from fdd.demo.geometry import closed_curve, mirrored, open_curve, ribbon


@functools.cache
def clothes_shapes(style: str) -> dict[str, tuple[np.ndarray, ...]]:
    """Outlines of clothes, each float64 [n, 2] in head units.

    Args:
        style: One of `identities.CLOTHES`.

    Returns:
        'hood', 'torso', 'neckline' (bare skin), 'trim' and 'collar', in the order of painting.
    """
    shoulders = [(0.5, 1.2), (0.95, 1.32), (1.5, 1.46), (1.9, 1.78), (2.1, 2.5)]
    torso = open_curve(np.array([(-x, y) for x, y in shoulders[::-1]] + shoulders))
    depth = {"crew": 1.5, "v_neck": 1.85, "shirt": 1.8, "hoodie": 1.48}[style]
    bow = 0.36 if style in ("crew", "hoodie") else 0.24
    neckline = np.array(
        [
            (-0.47, 1.16),
            (-bow, 0.45 * 1.16 + 0.55 * depth),
            (0.0, depth),
            (bow, 0.45 * 1.16 + 0.55 * depth),
            (0.47, 1.16),
        ]
    )
    neckline = open_curve(neckline)
    hood, trim, collar = (), (), ()
    if style == "hoodie":
        half = [(0.5, 0.82), (0.86, 1.0), (0.98, 1.3), (0.5, 1.6)]
        hood = (closed_curve(mirrored(np.array(half))),)
        trim = (ribbon(neckline, 0.12),)
        strings = [np.array([(s * 0.24, 1.5), (s * 0.27, 1.72), (s * 0.25, 2.0)]) for s in (-1, 1)]
        collar = tuple(ribbon(open_curve(string), 0.05) for string in strings)
    elif style == "shirt":
        flap = np.array([(0.44, 1.08), (0.58, 1.24), (0.42, 1.66), (0.04, 1.76)])
        trim = (np.array([(-0.02, 1.75), (0.02, 1.75), (0.02, 2.6), (-0.02, 2.6)]),)
        collar = (flap, flap * (-1, 1))
    else:
        trim = (ribbon(neckline, 0.08),)
    return {
        "hood": hood,
        "torso": (torso,),
        "neckline": (neckline,),
        "trim": trim,
        "collar": collar,
    }
