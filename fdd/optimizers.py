"""Config to optax."""

import jax
import jax.numpy as jnp
import ml_collections
import optax

from fdd.errors import UserError
from fdd.models import num_frozen_parts
from fdd.models.resnet import part_of

SCHEDULES = ("constant", "cosine")


def create_optimizer(
    config: ml_collections.ConfigDict, num_steps: int, steps_per_epoch: int
) -> tuple[optax.GradientTransformation, optax.Schedule]:
    """Returns the optimiser that the config describes, and its learning rate by step.

    Args:
        config: The run's config.
        num_steps: Steps of the whole run.
        steps_per_epoch: Steps of an epoch.

    Raises:
        UserError: the optimiser is unknown.

    References:
        Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015. With
        config.weight_decay: Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR
        2019, on kernels only. Cosine: Loshchilov and Hutter, SGDR, ICLR 2017, without restarts.
    """
    if config.optimizer != "adam":
        raise UserError(f"config.optimizer is '{config.optimizer}', known: adam")
    learning_rate = _schedule(config, num_steps)

    def adam(scale: float = 1.0) -> optax.GradientTransformation:
        return optax.chain(
            optax.scale_by_adam(),
            optax.add_decayed_weights(config.weight_decay, _kernels)
            if config.weight_decay
            else optax.identity(),
            optax.scale_by_learning_rate(lambda step: scale * learning_rate(step)),
        )

    encoder = adam(config.encoder_learning_rate_scale)
    if config.freeze_epochs:
        start = config.freeze_epochs * steps_per_epoch
        frozen = optax.chain(_zero_before(start), encoder, _zero_before(start))
    else:
        frozen = optax.set_to_zero()
    parts = num_frozen_parts(config.freeze)

    def labels(params: optax.Params) -> optax.Params:
        return jax.tree.map_with_path(lambda path, _: _label(path, parts), params)

    groups = {"head": adam(), "encoder": encoder, "frozen": frozen}
    return optax.multi_transform(groups, labels), learning_rate


def is_frozen(path: tuple[jax.tree_util.DictKey, ...], parts: int) -> bool:
    """Whether a parameter is in the first so many parts of the encoder."""
    return _label(path, parts) == "frozen"


def _label(path: tuple[jax.tree_util.DictKey, ...], parts: int) -> str:
    names = [key.key for key in path]
    if names[0] != "frame_features":
        return "head"
    return "frozen" if part_of(names[2]) < parts else "encoder"


def _kernels(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def _schedule(config: ml_collections.ConfigDict, num_steps: int) -> optax.Schedule:
    peak, warmup = config.learning_rate, config.warmup_steps
    if config.schedule == "cosine":
        after = optax.cosine_decay_schedule(peak, max(1, num_steps - warmup))
    else:
        after = optax.constant_schedule(peak)
    if not warmup:
        return after
    return optax.join_schedules(
        [optax.linear_schedule(peak / warmup, peak, warmup - 1), after], [warmup]
    )


def _zero_before(start: int) -> optax.GradientTransformation:
    """Lets nothing through before the step `start`."""

    def update(updates, count, params=None):
        del params
        through = jax.tree.map(lambda leaf: jnp.where(count < start, 0, leaf), updates)
        return through, optax.safe_increment(count)

    return optax.GradientTransformation(lambda _: jnp.zeros((), jnp.int32), update)
