"""The people that are drawn: their looks and their rooms."""

import colorsys
import dataclasses

import numpy as np

Colour = tuple[float, float, float]
"""RGB, each from 0 to 255."""

HAIR_STYLES = ("buzz", "short", "quiff", "side_part", "curly", "bob", "long", "bun")
FACIAL_HAIR = ("none", "none", "none", "stubble", "moustache", "beard")
GLASSES = ("none", "none", "none", "round", "square")
CLOTHES = ("crew", "v_neck", "shirt", "hoodie")
BACKDROPS = ("wall", "window", "bokeh", "shelf", "panels")

_SKIN_TONES = np.array(
    [
        (104, 66, 48),
        (140, 92, 66),
        (176, 122, 90),
        (205, 153, 118),
        (230, 174, 138),
        (242, 200, 168),
    ]
)
_HAIR_TONES = np.array(
    [(34, 28, 30), (58, 40, 34), (92, 58, 40), (140, 88, 50), (196, 152, 92), (150, 70, 44)]
)
_IRIS_TONES = np.array([(72, 46, 30), (104, 74, 40), (70, 110, 84), (76, 122, 160), (96, 104, 112)])


@dataclasses.dataclass(frozen=True)
class Identity:
    """One person. Lengths are in head units (half the height of a face), angles in radians."""

    skin: Colour
    face_width: float
    jaw: float
    eye_spacing: float
    eye_size: float
    eye_tilt: float
    iris: Colour
    brow_height: float
    brow_thickness: float
    brow_arch: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lip_fullness: float
    lips: Colour
    hair_style: str
    hair: Colour
    facial_hair: str
    glasses: str
    clothes: str
    clothes_colour: Colour
    accent: Colour
    backdrop: str
    backdrop_colour: Colour
    backdrop_seed: int
    lit_side: float


def mix(first: Colour, second: Colour, fraction: float) -> Colour:
    """Colour at `fraction` (0 to 1) of the way from `first` to `second`."""
    return tuple(a + (b - a) * fraction for a, b in zip(first, second, strict=True))


def sample_identity(rng: np.random.Generator) -> Identity:
    """Draws each attribute at random, independently of the others."""
    skin = _along(rng, _SKIN_TONES)
    return Identity(
        skin=skin,
        face_width=rng.uniform(0.76, 0.9),
        jaw=rng.uniform(0.0, 1.0),
        eye_spacing=rng.uniform(0.34, 0.4),
        eye_size=rng.uniform(0.155, 0.195),
        eye_tilt=rng.uniform(-0.12, 0.14),
        iris=_one_of(rng, _IRIS_TONES),
        brow_height=rng.uniform(0.24, 0.32),
        brow_thickness=rng.uniform(0.03, 0.065),
        brow_arch=rng.uniform(0.02, 0.1),
        nose_width=rng.uniform(0.11, 0.17),
        nose_length=rng.uniform(0.36, 0.46),
        mouth_width=rng.uniform(0.26, 0.36),
        lip_fullness=rng.uniform(0.05, 0.095),
        lips=mix(mix(skin, (90, 40, 40), 0.25), (196, 64, 78), rng.uniform(0.25, 0.6)),
        hair_style=str(rng.choice(HAIR_STYLES)),
        hair=_one_of(rng, _HAIR_TONES),
        facial_hair=str(rng.choice(FACIAL_HAIR)),
        glasses=str(rng.choice(GLASSES)),
        clothes=str(rng.choice(CLOTHES)),
        clothes_colour=_muted(rng, saturation=(0.1, 0.62), value=(0.3, 0.9)),
        accent=_muted(rng, saturation=(0.1, 0.45), value=(0.7, 0.95)),
        backdrop=str(rng.choice(BACKDROPS)),
        backdrop_colour=_muted(rng, saturation=(0.06, 0.32), value=(0.5, 0.88)),
        backdrop_seed=int(rng.integers(2**31)),
        lit_side=float(rng.choice((-1.0, 1.0))) * rng.uniform(0.5, 1.0),
    )


def _along(rng: np.random.Generator, tones: np.ndarray) -> Colour:
    """A random colour near the line through `tones` [n, 3]."""
    place = rng.uniform(0, len(tones) - 1)
    low = min(int(place), len(tones) - 2)
    colour = tones[low] + (tones[low + 1] - tones[low]) * (place - low)
    return tuple((colour + rng.normal(0, 3, 3)).tolist())


def _one_of(rng: np.random.Generator, tones: np.ndarray) -> Colour:
    """A random colour near one of `tones` [n, 3]."""
    return tuple(np.clip(rng.choice(tones) + rng.normal(0, 5, 3), 8, 247).tolist())


def _muted(
    rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]
) -> Colour:
    """A colour of any hue but bright green."""
    hsv = rng.uniform(0.42, 1.2) % 1.0, rng.uniform(*saturation), rng.uniform(*value)
    return tuple(255 * channel for channel in colorsys.hsv_to_rgb(*hsv))
