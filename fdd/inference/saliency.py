"""Which regions of which frames a clip's logit depends on: Grad-CAM, or attention rollout."""

from typing import Any, NamedTuple

import jax

from fdd.devices.parallel import DATA_AXIS
from fdd.models.clip_classifier import unit
from fdd.training.state import TrainState
from fdd.training.steps import Batch, Task, normalized, variables_for_evaluation


class Saliency(NamedTuple):
    """The saliency of n clips.

    Attributes:
        maps: float32 [n, t, h', w']; above 0 for fake. A frame's map sums to its contribution. Of
            an encoder's map: Grad-CAM before its final ReLU, the first-order contribution of each
            position to the logit. Of a transformer: the frame's contribution, divided among the
            patches by attention (`fdd.models.encoder.Encoder.attended`). For other encoders,
            [n, t, 1, 1].
        contributions: float32 [n, t]. The gradient with respect to the frame's features, times
            these: the frame's first-order contribution to the logit. (For a transformer whose
            features are divided by their norm, those after it: their length changes nothing.)
    """

    maps: jax.Array
    contributions: jax.Array


def saliency_step(state: TrainState, batch: Batch, *, task: Task) -> Saliency:
    """Computes the saliency of a batch.

    Args:
        state: The model's parameters and statistics.
        batch: A device's shard: {'frames': uint8 [b, t, h, w, 3]}.
        task: What the step computes.

    Returns:
        The saliency of all devices' clips.

    References:
        Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
        Localization, ICCV 2017. Abnar and Zuidema, Quantifying Attention Flow in Transformers, ACL
        2020.
    """
    variables = variables_for_evaluation(state)
    clips = normalized(batch["frames"], task)
    of_encoder = task.model.encoder_variables(variables)
    attended = task.model.encoder.attended(of_encoder, clips.reshape(-1, *clips.shape[2:]))
    if attended is None:
        found = _grad_cam(variables, clips, task)
    else:
        found = _divided(attended, variables, clips, task)
    return jax.tree.map(lambda array: jax.lax.all_gather(array, DATA_AXIS, tiled=True), found)


def _grad_cam(variables: Any, clips: jax.Array, task: Task) -> Saliency:
    def logits(maps: jax.Array) -> jax.Array:
        features = task.model.apply(variables, maps, method="pool")
        return task.model.apply(variables, features, train=False, method="classify").sum()

    maps = task.model.apply(variables, clips, train=False, method="feature_maps")
    gradient = jax.grad(logits)(maps)  # No clip's logit depends on another clip.
    added = (maps * gradient).sum(axis=-1)
    frames = added.shape[:2]
    maps = task.model.encoder.as_picture(added.reshape(-1, *added.shape[2:]))
    return Saliency(
        maps=maps.reshape(*frames, *maps.shape[1:]),
        contributions=added.reshape(*frames, -1).sum(axis=-1),
    )


def _divided(attended: jax.Array, variables: Any, clips: jax.Array, task: Task) -> Saliency:
    """Divides frames' contributions among the positions `attended`, [b * t, h', w']."""
    features = task.model.apply(variables, clips, train=False, method="encode")
    if task.model.unit_features:
        features = unit(features)
    after = task.model.clone(unit_features=False)

    def logits(features: jax.Array) -> jax.Array:
        return after.apply(variables, features, train=False, method="classify").sum()

    contributions = (features * jax.grad(logits)(features)).sum(axis=-1)
    parts = attended / attended.sum(axis=(1, 2), keepdims=True)
    parts = parts.reshape(*contributions.shape, *parts.shape[1:]).astype(contributions.dtype)
    return Saliency(maps=contributions[..., None, None] * parts, contributions=contributions)
