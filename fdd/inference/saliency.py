"""Which regions of which frames a clip's logit hangs on: Grad-CAM on the encoder's last map.

Between that map and the logit there are only the mean over its positions and `judge`, so the
gradient by the pooled features is all that has to be computed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fdd.devices.parallel import DATA_AXIS
from fdd.training.state import TrainState
from fdd.training.steps import Batch, Task, normalized, variables_for_evaluation


class Saliency(NamedTuple):
    """What drove the scores of n clips.

    Attributes:
        maps: float32 [n, t, h / 32, w / 32]. Grad-CAM before its final ReLU: what each position
            adds to the logit to first order; above 0 it speaks for fake. A frame's map sums to its
            contribution.
        contributions: float32 [n, t]. The gradient by a frame's features times these features:
            what the frame adds to the logit, to first order.
    """

    maps: jax.Array
    contributions: jax.Array


def saliency_step(state: TrainState, batch: Batch, *, task: Task) -> Saliency:
    """Computes Grad-CAM of a batch.

    Args:
        state: The model's parameters and statistics.
        batch: A device's share: {'frames': uint8 [b, t, h, w, 3]}.
        task: What to do.

    Returns:
        Of all devices' clips.

    References:
        Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
        Localization, ICCV 2017.
    """
    variables = variables_for_evaluation(state)

    def logits(features: jax.Array) -> jax.Array:
        return task.model.apply(variables, features, train=False, method="judge").sum()

    clips = normalized(batch["frames"], task)
    maps = task.model.apply(variables, clips, train=False, method="feature_maps")
    features = maps.mean(axis=(2, 3))
    gradient = jax.grad(logits)(features)  # [b, t, c]; no clip's logit depends on another clip.
    positions = maps.shape[2] * maps.shape[3]
    found = Saliency(
        maps=jnp.einsum("bthwc,btc->bthw", maps, gradient) / positions,
        contributions=(features * gradient).sum(axis=-1),
    )
    return jax.tree.map(lambda array: jax.lax.all_gather(array, DATA_AXIS, tiled=True), found)
