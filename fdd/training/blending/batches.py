"""Fakes for a batch of genuine clips: in the step of training, and for an evaluation."""

import functools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from fdd.training.blending.clips import Settings, self_blend

Batch = Mapping[str, jax.Array]
_DRAWS = 2  # The stream of a clip's key, beside those of augmentation and of the model.
_CHOICE = 3
_EVALUATION = 0x5E1F  # Added to the seed, so that nothing is drawn as in training.


def with_fakes(
    batch: Batch, settings: Settings, both: bool, seed: int, dtype: jnp.dtype = jnp.float32
) -> dict[str, jax.Array]:
    """Adds a fake to each genuine clip of a batch; a pure function.

    Args:
        batch: {'frames': uint8 [g, t, h, w, 3], 'landmarks': float32 [g, t, 5, 2], 'position':
            int32 [g], 'label': float32 [g]}: g genuine clips; with `both`, genuine clips and
            their recorded fakes in turn.
        settings: How clips are blended.
        both: Whether every second fake, drawn at random, is a recorded one.
        seed: Of the run. What becomes of a clip depends on this and on its position.
        dtype: What is computed in: float32 or float64.

    Returns:
        {'frames', 'label', 'position'} of genuine clips and their fakes in turn.
    """
    every = 2 if both else 1
    frames, position = batch["frames"][::every], batch["position"][::every]
    pair = self_blend(
        _keys(seed, position, _DRAWS),
        frames,
        batch["landmarks"][::every],
        settings,
        dtype,
    )
    genuine, fakes = pair.target, pair.blended
    if both:
        keys = _keys(seed, position, _CHOICE)
        recorded = jax.vmap(functools.partial(jax.random.bernoulli, p=0.5))(keys)
        recorded = recorded[:, None, None, None, None]
        genuine = jnp.where(recorded, frames, genuine)
        fakes = jnp.where(recorded, batch["frames"][1::every], fakes)
    return {
        "frames": _in_turn(genuine, fakes),
        "label": jnp.tile(jnp.array([0, 1], batch["label"].dtype), len(position)),
        "position": _in_turn(position, position + 1),
    }


def for_evaluation(settings: Settings, seed: int) -> Callable[..., jax.Array]:
    """A function that makes the fakes of an evaluation, with other draws than training's.

    Args:
        settings: How clips are blended.
        seed: Of the run.

    Returns:
        A function of positions int32 [b], clips uint8 [b, t, h, w, 3] and landmarks float32
        [b, t, 5, 2]; it returns fakes, uint8 [b, t, h, w, 3].
    """
    return functools.partial(_fakes, settings=settings, seed=seed + _EVALUATION)


@functools.partial(jax.jit, static_argnames="seed")
def _fakes(
    position: jax.Array, frames: jax.Array, landmarks: jax.Array, settings: Settings, seed: int
) -> jax.Array:
    return self_blend(_keys(seed, position, _DRAWS), frames, landmarks, settings).blended


def _keys(seed: int, position: jax.Array, stream: int) -> jax.Array:
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), position)
    return jax.vmap(functools.partial(jax.random.fold_in, data=stream))(keys)


def _in_turn(first: jax.Array, second: jax.Array) -> jax.Array:
    """The rows of two arrays in turn: [n, …] and [n, …] to [2 n, …]."""
    return jnp.stack([first, second], axis=1).reshape(-1, *first.shape[1:])
