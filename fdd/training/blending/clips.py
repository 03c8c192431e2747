"""From a genuine clip to a pair: the clip, and a forgery of it made from nothing but itself."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from fdd.training.blending import changes, face, jpeg, warps
from fdd.training.blending.draws import Draws

FAMILIES = ("constant", "drifting", "reordered")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Settings:
    """How clips are blended with themselves; a pytree, so that one program serves all values.

    Attributes:
        constant: How often, relative to the other two: everything is drawn once for a clip and
            replayed on each frame, so that each frame by itself betrays it and time does not.
        drifting: How often: the parts of the face move in each frame independently, so that time
            betrays it, and each frame a little.
        reordered: How often: the inner face is that of another moment of the clip, in its colours,
            so that time betrays it, and a frame hardly.
        drift: The largest motion of `drifting`, relative to that of its paper.
        jpeg: The probability that both clips of a pair are coded as JPEG.
        crop: How much of each side is at most cut off, of both alike, as a fraction.
    """

    constant: float = 1.0
    drifting: float = 1.0
    reordered: float = 1.0
    drift: float = 1.0
    jpeg: float = 0.5
    crop: float = 0.08

    @classmethod
    def of(cls, values: Mapping[str, float]) -> "Settings":
        """The settings of `config.blend`, whatever else it holds."""
        return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls)})

    def weights(self) -> jax.Array:
        """How often each of `FAMILIES` is drawn, in that order: float32 [3]; the sum is 1."""
        each = jnp.array([getattr(self, name) for name in FAMILIES], jnp.float32)
        return each / each.sum()


class Pair(NamedTuple):
    """Two clips of the same moments.

    Attributes:
        target: The genuine one, uint8 [t, h, w, 3].
        blended: The forgery, likewise.
        family: Which of `FAMILIES` it is, int32 [].
        mask: Where it is blended, float [t, h, w], 0 to 1, before both are cropped.
    """

    target: jax.Array
    blended: jax.Array
    family: jax.Array
    mask: jax.Array


def self_blend(
    keys: jax.Array,
    clips: jax.Array,
    landmarks: jax.Array,
    settings: Settings,
    dtype: jnp.dtype = jnp.float32,
) -> Pair:
    """Makes a forgery of each clip.

    Args:
        keys: A random key per clip, [b]: what becomes of a clip does not depend on its batch.
        clips: uint8 [b, t, h, w, 3], RGB, genuine.
        landmarks: float [b, t, 5, 2], (x, y) in pixels: both eyes, the tip of the nose, both
            corners of the mouth.
        settings: How.
        dtype: What is computed in; what is drawn does not depend on it.

    Returns:
        Pairs, with a leading axis [b].

    References:
        Shiohara and Yamasaki, Detecting Deepfakes with Self-Blended Images, CVPR 2022 (a picture);
        Nguyen et al., FakeSTormer, 2025 (all draws replayed on each frame of a clip); Yan et al.,
        Generalizing Deepfake Video Detection with Plug-and-Play, CVPR 2025 (drifting parts).
    """
    blend = functools.partial(_blend_clip, settings=settings)
    return jax.vmap(blend)(keys, clips.astype(dtype), landmarks.astype(dtype))


def _blend_clip(key: jax.Array, clip: jax.Array, landmarks: jax.Array, settings: Settings) -> Pair:
    draws = Draws(key, 200 + 20 * clip.shape[0])
    limits = jnp.cumsum(settings.weights())[:-1]
    family = jnp.searchsorted(limits, draws.uniform(0, 1), side="right").astype(jnp.int32)
    is_ = {name: family == number for number, name in enumerate(FAMILIES)}
    moments = _moments(draws, clip.shape[0], is_["reordered"])
    target, source = _changed(draws, clip, is_["constant"].astype(clip.dtype))
    source = source[moments]
    field, bent = _fields(draws, clip, landmarks, landmarks[moments], is_, settings)
    source = jax.vmap(warps.sample)(source, field)
    mask = _mask(draws, bent, landmarks, is_)
    source = jnp.where(is_["reordered"], jax.vmap(changes.like)(source, target, mask), source)
    ratio = jnp.array((0.25, 0.5, 0.75, 1, 1, 1), clip.dtype)[draws.integer(0, 6)]
    mask = mask * jnp.where(is_["constant"], ratio, 1)
    blended = target + mask[..., None] * (source - target)
    target, blended = _afterwards(draws, jnp.stack([target, blended]), settings)
    return Pair(target, blended, family, mask)


def _moments(draws: Draws, frames: int, reordered: jax.Array) -> jax.Array:
    """Which frame each frame's source is, [t]: its own, or one of another moment."""
    index = jnp.arange(frames)
    late = draws.integer(max(1, frames // 4), max(2, 1 + frames * 3 // 4))
    rolled = (index + late) % frames
    shuffled = draws.permutation(frames)
    other = jnp.where(draws.chance(0.5), rolled, shuffled)
    return jnp.where(reordered, other, index)


def _changed(draws: Draws, clip: jax.Array, strength: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The target and the source, one of which has other colours and another sharpness."""
    changed = changes.sharpness(draws, changes.colour(draws, clip, strength), strength)
    changed = jnp.clip(changed, 0, 255)
    of_target = draws.chance(0.5)
    return jnp.where(of_target, changed, clip), jnp.where(of_target, clip, changed)


def _fields(
    draws: Draws,
    clip: jax.Array,
    landmarks: jax.Array,
    of_source: jax.Array,
    is_: Mapping[str, jax.Array],
    settings: Settings,
) -> tuple[jax.Array, jax.Array]:
    """Where the source is sampled and where the mask is, both [t, h, w, 2]."""
    _, height, width, _ = clip.shape
    dtype = clip.dtype
    points, size = warps.grid(height, width, dtype), jnp.array([width, height], dtype)
    axes = face.axes(landmarks)

    def drawn(low: float, high: float, shape: tuple[int, ...] = ()) -> jax.Array:
        return draws.uniform(low, high, shape).astype(dtype)

    # constant: a little larger or smaller, and elsewhere.
    shift = drawn(-1, 1, (2,)) * jnp.array([0.03, 0.015], dtype) * size
    constant = warps.moved(points, size / 2, jnp.exp(drawn(-0.0513, 0.0513)), shift)
    # drifting: parts of the face, by up to 5 degrees, 5 percent and a hundredth of the picture.
    level = settings.drift * drawn(0.2, 1)
    drift = warps.drift(
        draws,
        landmarks,
        axes,
        height=height,
        width=width,
        angle=level * jnp.deg2rad(5.0).astype(dtype),
        scale=level * 0.05,
        shift=level * 0.01 * size.min(),
    )

    # reordered: the other moment's face onto this one's.
    def onto(source: jax.Array, target: jax.Array) -> jax.Array:
        matrix, offset = warps.similarity(target, source)
        return points @ matrix.T + offset

    reordered = jax.vmap(onto)(of_source, landmarks)
    field = jnp.where(is_["reordered"], reordered, points + drift)
    field = jnp.where(is_["constant"], constant, field)
    # The mask goes with a source that is moved as a whole, and its border bends.
    bend = 0.06 * warps.elastic(draws, height, width, dtype)
    moved = jnp.where(is_["constant"], constant, points)
    return field, moved + bend * axes.unit[:, None, None, None]


def _mask(
    draws: Draws, bent: jax.Array, landmarks: jax.Array, is_: Mapping[str, jax.Array]
) -> jax.Array:
    """What part of the face is blended in, [t, h, w]."""
    dtype = bent.dtype
    shapes = jnp.array(list(face.MASKS.values()), dtype)
    inner = [list(face.MASKS).index(name) for name in ("inner_face", "narrow_face")]
    any_, one_inner = (draws.integer(0, count) for count in (len(shapes), len(inner)))
    whole = list(face.MASKS).index("whole_face")
    number = jnp.where(is_["reordered"], jnp.array(inner)[one_inner], whole)
    shape = shapes[jnp.where(is_["constant"], any_, number)]
    shape = shape * jnp.exp(0.1 * draws.normal((3,)).astype(dtype))
    jitter = 0.05 * draws.normal((face.LANDMARKS, 2)).astype(dtype)
    unit = face.axes(landmarks).unit
    axes = face.axes(landmarks + jitter * unit[:, None, None])
    width, within = draws.uniform(0.05, 0.5).astype(dtype), draws.chance(0.5)

    def of_frame(points: jax.Array, axes: face.Axes) -> jax.Array:
        depth = face.inside(axes.of(points.reshape(-1, 2)), shape)
        return face.soft_edge(depth, width, within).reshape(points.shape[:-1])

    return jax.vmap(of_frame)(bent, axes)


def _afterwards(draws: Draws, pair: jax.Array, settings: Settings) -> tuple[jax.Array, jax.Array]:
    """Crops and codes both clips alike, [2, t, h, w, 3], and rounds them."""
    height, width = pair.shape[2:4]
    low, cut = draws.uniform(0, 1, (2, 2)) * settings.crop
    size = jnp.array([width - 1, height - 1], pair.dtype)
    points = warps.grid(height, width, pair.dtype)
    field = points * (1 - cut - low).astype(pair.dtype) + low.astype(pair.dtype) * size
    pair = jax.vmap(jax.vmap(warps.sample, (0, None)), (0, None))(pair, field)
    is_coded, quality = draws.chance(settings.jpeg), draws.uniform(40, 100)
    coded = jpeg.coded(jnp.round(jnp.clip(pair, 0, 255)), quality.astype(pair.dtype))
    pair = jnp.where(is_coded, coded, pair)
    pair = jnp.round(jnp.clip(pair, 0, 255)).astype(jnp.uint8)
    return pair[0], pair[1]
