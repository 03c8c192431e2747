"""Which regions of which frames a clip's logit depends on: Grad-CAM on the encoder's output."""

from typing import NamedTuple

import jax

from fdd.devices.parallel import DATA_AXIS
from fdd.training.state import TrainState
from fdd.training.steps import Batch, Task, normalized, variables_for_evaluation


class Saliency(NamedTuple):
    """The saliency of n clips.

    Attributes:
        maps: float32 [n, t, h', w'], of the encoder's map. Grad-CAM before its final ReLU: the
            first-order contribution of each position to the logit; above 0 for fake. A frame's map
            sums to its contribution, without that of tokens that have no position. For an encoder
            without a map, [n, t, 1, 1].
        contributions: float32 [n, t]. The gradient with respect to the encoder's output for a
            frame, times this output: the frame's first-order contribution to the logit.
    """

    maps: jax.Array
    contributions: jax.Array


def saliency_step(state: TrainState, batch: Batch, *, task: Task) -> Saliency:
    """Computes Grad-CAM of a batch.

    Args:
        state: The model's parameters and statistics.
        batch: A device's shard: {'frames': uint8 [b, t, h, w, 3]}.
        task: What the step computes.

    Returns:
        The saliency of all devices' clips.

    References:
        Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
        Localization, ICCV 2017.
    """
    variables = variables_for_evaluation(state)

    def logits(maps: jax.Array) -> jax.Array:
        features = task.model.apply(variables, maps, method="pool")
        return task.model.apply(variables, features, train=False, method="classify").sum()

    clips = normalized(batch["frames"], task)
    maps = task.model.apply(variables, clips, train=False, method="feature_maps")
    gradient = jax.grad(logits)(maps)  # No clip's logit depends on another clip.
    added = (maps * gradient).sum(axis=-1)
    frames = added.shape[:2]
    maps = task.model.encoder.as_picture(added.reshape(-1, *added.shape[2:]))
    found = Saliency(
        maps=maps.reshape(*frames, *maps.shape[1:]),
        contributions=added.reshape(*frames, -1).sum(axis=-1),
    )
    return jax.tree.map(lambda array: jax.lax.all_gather(array, DATA_AXIS, tiled=True), found)
