"""Checks of a config's values, except those that name or build something."""

import functools
import math

import ml_collections

from fdd import models
from fdd.data import groups
from fdd.devices import parallel
from fdd.errors import UserError
from fdd.evaluation import pooling, scores
from fdd.training import blending, losses, optimizers

_LOWEST = {
    "batch_size": 1,
    "num_epochs": 1,
    "num_steps": 0,
    "eval_every_steps": 0,
    "log_every_steps": 1,
    "checkpoint_every_steps": 0,
    "accumulate_steps": 1,
    "warmup_steps": 0,
    "freeze_epochs": 0,
    "early_stopping": 0,
    "weight_decay": 0,
    "l2_lstm_kernel": 0,
    "uniformity": 0,
    "alignment": 0,
    "encoder_learning_rate_scale": 0,
    "encoder_learning_rate_decay": 0,
    "num_workers": 0,
    "augment.brightness": 0,
    "augment.contrast": 0,
    "augment.rotation": 0,
    "augment.shift": 0,
    "final_learning_rate": 0,
    "blend.drift": 0,
    "model.width": 1,
    "model.lstm_features": 1,
}


_FRACTIONS = (  # At least 0 and below 1.
    "ema_decay",
    "label_smoothing",
    "model.dropout_features",
    "model.dropout_head",
    "blend.crop",
    "augment.scale",
    "familiar_share",
)
_PROBABILITIES = ("augment.blur", "augment.jpeg")
_CHOICES = {
    "data.fakes": groups.FAKES,
    "schedule": optimizers.SCHEDULES,
    "parallel": parallel.KINDS,
    "precision": ("float32", "bfloat16", "float64"),
    "eval_frames": scores.FRAMES,
    "video_score": pooling.POOLINGS,
}


def check(config: ml_collections.ConfigDict) -> None:
    """Checks that numbers are in range and names are known.

    Raises:
        UserError: a value is not valid.
    """
    _check_finite(config)
    for key, lowest in _LOWEST.items():
        if (value := _get(config, key)) < lowest:
            raise UserError(f"config.{key} is {value}, it must be at least {lowest}")
    if not config.learning_rate > 0:
        raise UserError(f"config.learning_rate is {config.learning_rate}, it must be above 0")
    if config.cache_features:
        _check_cache(config)
    for key in _FRACTIONS:
        if not 0 <= (value := _get(config, key)) < 1:
            raise UserError(f"config.{key} is {value}, it must be at least 0 and below 1")
    for key in _PROBABILITIES:
        if not 0 <= (value := _get(config, key)) <= 1:
            raise UserError(f"config.{key} is {value}, a probability must be from 0 to 1")
    if config.final_learning_rate > config.learning_rate:
        raise UserError(
            f"config.final_learning_rate is {config.final_learning_rate}, above "
            f"config.learning_rate ({config.learning_rate}): it is what a cosine ends at"
        )
    encoder = models.create_encoder(config)
    of_encoder = {
        f"model.{key}": known for key, known in encoder.choices.items() if key in config.model
    }
    of_parts = {**of_encoder, "tune": encoder.tunes, "freeze": models.freezable(config)}
    for key, known in {**_CHOICES, **of_parts}.items():
        if (value := _get(config, key)) not in known:
            names = ", ".join(name or "''" for name in known)
            raise UserError(f"config.{key} is '{value}', known: {names}")
    losses.create_loss(config)
    if config.data.fakes != "recorded":
        _check_blend(config)


def check_batch(config: ml_collections.ConfigDict, devices: parallel.Parallel) -> None:
    """Checks that devices can share a batch, in its parts and with pairs of clips kept together.

    Raises:
        UserError: they cannot.
    """
    together = groups.size(config.data.fakes, config.data.paired)
    devices.check_batch_size(config.batch_size, config.accumulate_steps, together)


def _check_finite(config: ml_collections.ConfigDict, prefix: str = "") -> None:
    for key, value in config.items():
        if isinstance(value, ml_collections.ConfigDict):
            _check_finite(value, f"{prefix}{key}.")
        elif isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"config.{prefix}{key} is {value}, it must be a finite number")


def _check_cache(config: ml_collections.ConfigDict) -> None:
    if config.freeze != "encoder" or config.freeze_epochs:
        raise UserError(
            "config.cache_features needs an encoder that never changes: --config.freeze=encoder "
            "and --config.freeze_epochs=0"
        )
    if used := [key for key, value in sorted(config.augment.items()) if value]:
        off = ", ".join(f"--config.augment.{key}={'False' if key == 'flip' else 0}" for key in used)
        raise UserError(
            f"config.cache_features computes features once, so clips cannot be augmented: {off}"
        )


def _check_blend(config: ml_collections.ConfigDict) -> None:
    if config.cache_features:
        raise UserError(
            "config.cache_features computes features once, and config.data.fakes="
            f"{config.data.fakes} makes other clips in each step: --config.cache_features=False"
        )
    weights = [config.blend[family] for family in blending.FAMILIES]
    if min(weights) < 0 or not sum(weights):
        names = ", ".join(f"config.blend.{family}" for family in blending.FAMILIES)
        raise UserError(f"{names} must be 0 or more, and one of them above 0")


def _get(config: ml_collections.ConfigDict, key: str) -> object:
    return functools.reduce(getattr, key.split("."), config)
