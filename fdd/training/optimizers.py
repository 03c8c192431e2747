"""From a config to an optax optimiser."""

import functools

import jax
import ml_collections
import optax

from fdd import models
from fdd.errors import UserError
from fdd.models.clip_classifier import ClipClassifier

SCHEDULES = ("constant", "cosine")


def create_optimizer(
    config: ml_collections.ConfigDict,
    model: ClipClassifier,
    num_steps: int,
    steps_per_epoch: int,
) -> tuple[optax.GradientTransformation, optax.Schedule]:
    """Returns the optimiser that the config describes, and its learning rate by step.

    Args:
        config: The run's config.
        model: The network; it says which part a parameter belongs to.
        num_steps: Steps of the whole run.
        steps_per_epoch: Steps of an epoch.

    Raises:
        UserError: the optimiser is unknown.

    References:
        Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015. With
        config.weight_decay: Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR
        2019, on kernels only. Cosine: Loshchilov and Hutter, SGDR, ICLR 2017, without restarts.
        With config.encoder_learning_rate_decay: Bao et al., BEiT, ICLR 2022, appendix.
    """
    if config.optimizer != "adam":
        raise UserError(f"config.optimizer is '{config.optimizer}', known: adam")
    learning_rate = _schedule(config, num_steps)

    adam = functools.partial(_adam, config, learning_rate)
    thaw = thaw_step(config, steps_per_epoch)
    decay, num_parts = config.encoder_learning_rate_decay, len(model.encoder.parts)
    num_frozen = models.num_frozen_parts(config)

    def of_part(part: int | None, scale: float) -> dict[str, optax.GradientTransformation]:
        frozen = adam(scale, thaw) if thaw else optax.set_to_zero()
        return {_group("encoder", part): adam(scale), _group("frozen", part): frozen}

    scale = config.encoder_learning_rate_scale
    groups = {"head": adam(), **of_part(None, scale)}
    if config.tune != "all":
        groups["still"] = optax.set_to_zero()
    if decay != 1:
        for part in range(num_parts):
            groups |= of_part(part, scale * decay ** (num_parts - part))

    def label(path: tuple[jax.tree_util.DictKey, ...]) -> str:
        kind = _kind(path, model, num_frozen)
        of_parts = decay != 1 and kind in ("encoder", "frozen")
        return _group(kind, model.part_of(_names(path)) if of_parts else None)

    def labels(params: optax.Params) -> optax.Params:
        return jax.tree.map_with_path(lambda path, _: label(path), params)

    return optax.multi_transform(groups, labels), learning_rate


def _adam(
    config: ml_collections.ConfigDict,
    learning_rate: optax.Schedule,
    scale: float = 1.0,
    start: int = 0,
) -> optax.GradientTransformation:
    """Adam at `scale` times the learning rate, from the step `start` on."""
    direction = optax.chain(
        optax.scale_by_adam(),
        optax.add_decayed_weights(config.weight_decay, _kernels)
        if config.weight_decay
        else optax.identity(),
    )
    if start:  # Until then its moments and count stay initial; the schedule goes on.
        direction = optax.transforms.conditionally_mask(direction, lambda step: step >= start)
    rate = optax.scale_by_learning_rate(lambda step: scale * learning_rate(step))
    return optax.chain(direction, rate)


def thaw_step(config: ml_collections.ConfigDict, steps_per_epoch: int) -> int:
    """The step at which the parts in `config.freeze` begin to learn; 0: at once, or never."""
    return config.freeze_epochs * steps_per_epoch if config.freeze else 0


def is_frozen(
    path: tuple[jax.tree_util.DictKey, ...], model: ClipClassifier, frozen_parts: int
) -> bool:
    """Whether a parameter is in one of the encoder's frozen first parts, or never learns."""
    return _kind(path, model, frozen_parts) in ("frozen", "still")


def _kind(path: tuple[jax.tree_util.DictKey, ...], model: ClipClassifier, frozen_parts: int) -> str:
    if not model.learns(_names(path)):
        return "still"
    part = model.part_of(_names(path))
    if part is None:
        return "head"
    return "frozen" if part < frozen_parts else "encoder"


def _group(kind: str, part: int | None) -> str:
    return kind if part is None else f"{kind} {part}"


def _names(path: tuple[jax.tree_util.DictKey, ...]) -> tuple[str, ...]:
    return tuple(key.key for key in path)


def _kernels(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def _schedule(config: ml_collections.ConfigDict, num_steps: int) -> optax.Schedule:
    peak, warmup = config.learning_rate, config.warmup_steps
    if config.schedule == "cosine":
        end = config.final_learning_rate / peak
        after = optax.cosine_decay_schedule(peak, max(1, num_steps - warmup), alpha=end)
    else:
        after = optax.constant_schedule(peak)
    if not warmup:
        return after
    return optax.join_schedules(
        [optax.linear_schedule(peak / warmup, peak, warmup - 1), after], [warmup]
    )
