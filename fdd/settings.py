"""What the values of a config may be, apart from those that name or build something."""

import functools

import ml_collections

from fdd import losses, parallel, scores
from fdd.errors import UserError

_LOWEST = {
    "batch_size": 1,
    "num_epochs": 1,
    "num_steps": 0,
    "eval_every_steps": 0,
    "log_every_steps": 1,
    "checkpoint_every_steps": 0,
    "accumulate_steps": 1,
    "num_workers": 0,
    "model.width": 1,
    "model.lstm_features": 1,
}


_CHOICES = {
    "parallel": parallel.KINDS,
    "precision": ("float32", "bfloat16"),
    "eval_frames": scores.FRAMES,
    "loss": tuple(losses.LOSSES),
}


def check(config: ml_collections.ConfigDict) -> None:
    """Sees that numbers are in range and names known.

    Raises:
        UserError: one is not.
    """
    for key, lowest in _LOWEST.items():
        if (value := _get(config, key)) < lowest:
            raise UserError(f"config.{key} is {value}, it must be at least {lowest}")
    if not config.learning_rate > 0:
        raise UserError(f"config.learning_rate is {config.learning_rate}, it must be above 0")
    for key, known in _CHOICES.items():
        if (value := _get(config, key)) not in known:
            raise UserError(f"config.{key} is '{value}', known: {', '.join(known)}")


def _get(config: ml_collections.ConfigDict, key: str) -> object:
    return functools.reduce(getattr, key.split("."), config)
