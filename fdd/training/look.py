"""The step of a prediction: logits, and what familiarity is judged by, in one forward pass."""

import jax
import jax.numpy as jnp

from fdd.devices.parallel import DATA_AXIS
from fdd.training import steps
from fdd.training.state import TrainState
from fdd.training.task import Task

INPUT = "input"
"""The part that stands for the frames themselves."""
FEATURES = "features"
"""The part that stands for the features of an encoder that notes nothing."""

_OCTAVES = 4
_FLOOR = 0.1  # Of variances of values from 0 to 255, so that a flat frame has a logarithm.
_LUMA = (0.299, 0.587, 0.114)


def look_step(state: TrainState, batch: steps.Batch, *, task: Task) -> dict[str, jax.Array]:
    """Scores the clips of all devices, and says what the encoder's parts make of them.

    Args:
        state: The model's parameters and statistics.
        batch: A device's shard: {'frames': uint8 [b, t, h, w, 3]}.
        task: What the step computes.

    Returns:
        {'logits': [devices * b]}; and features of clips, float [devices * b, d], by part: of each
        part that the encoder notes (`Encoder.note`) the mean over frames; and of the frames
        themselves, `frame_statistics`.
    """
    found = clip_look(state, batch, task=task)
    return jax.lax.all_gather(found, DATA_AXIS, tiled=True)


def clip_look(state: TrainState, batch: steps.Batch, *, task: Task) -> dict[str, jax.Array]:
    """As `look_step`, of a device's clips."""
    clips = steps.normalized(batch["frames"], task)
    variables = steps.variables_for_evaluation(state)
    logits, features, notes = task.model.look(variables, clips)
    parts = notes or {FEATURES: features}
    means = {name: values.mean(axis=1) for name, values in parts.items()}
    return {"logits": logits, INPUT: frame_statistics(batch["frames"]), **means}


def frame_statistics(frames: jax.Array) -> jax.Array:
    """Statistics of clips that blur, noise, compression and exposure change.

    Args:
        frames: uint8 [b, t, h, w, 3], RGB.

    Returns:
        float32 [b, d], means over frames: the logarithm of the luma's energy in each octave and of
        its Laplacian; of the rest; the mean luma in 32 steps; and the logarithm of the mean squared
        difference of neighbouring frames.
    """
    count, times, height, width, _ = frames.shape
    values = frames.astype(jnp.float32)
    luma = jnp.tensordot(values, jnp.asarray(_LUMA, jnp.float32), 1)
    luma = luma.reshape(count * times, height, width)
    inside = luma[:, 1:-1, 1:-1]
    laplacian = 4 * inside - luma[:, 2:, 1:-1] - luma[:, :-2, 1:-1]
    laplacian = laplacian - luma[:, 1:-1, 2:] - luma[:, 1:-1, :-2]
    columns = [luma.mean((1, 2)) / 32, _energy(laplacian)]
    rest = luma
    for _ in range(_OCTAVES):
        rows, wide = (side // 2 for side in rest.shape[1:])
        if not rows or not wide:
            break
        whole = rest[:, : 2 * rows, : 2 * wide].reshape(-1, rows, 2, wide, 2)
        coarse = whole.mean((2, 4), keepdims=True)
        columns.append(_energy(whole - coarse))
        rest = coarse[:, :, 0, :, 0]
    columns.append(_energy(rest - rest.mean((1, 2), keepdims=True)))
    still = jnp.stack(columns, axis=-1).reshape(count, times, -1).mean(axis=1)
    changes = jnp.square(jnp.diff(values, axis=1)).reshape(count, -1)
    moving = jnp.log(changes.sum(axis=1) / max(1, changes.shape[1]) + _FLOOR)
    return jnp.concatenate([still, moving[:, None]], axis=1)


def _energy(values: jax.Array) -> jax.Array:
    return jnp.log(jnp.square(values).mean(axis=tuple(range(1, values.ndim))) + _FLOOR)
