"""Networks: encoders, temporal heads, and the detector, which consists of one of each."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from fdd import parts
from fdd.devices.parallel import DATA_AXIS
from fdd.errors import UserError
from fdd.models.clip_classifier import ClipClassifier
from fdd.models.encoder import Encoder
from fdd.models.lstm import LSTM
from fdd.models.resnet import RESNETS
from fdd.models.temporal import Mean, TemporalHead
from fdd.models.vit import VITS

ENCODERS: dict[str, Callable[..., Encoder]] = {**RESNETS, **VITS}
TEMPORAL_HEADS: dict[str, Callable[..., TemporalHead]] = {"lstm": LSTM, "mean": Mean}
ENCODER = "encoder"
"""The value of `config.freeze` for the whole encoder."""


def create_model(config: ml_collections.ConfigDict, frozen_parts: int = 0) -> ClipClassifier:
    """Returns the network that `config.model` describes.

    Args:
        config: The run's config.
        frozen_parts: The batch norms of this many of the encoder's parts use their running
            statistics in training too; with config.frozen_batch_stats all do.

    Raises:
        UserError: the encoder or the temporal head is unknown, or `config.precision` is float64
            and JAX has it turned off.
    """
    double = config.precision == "float64"
    if double and not jax.config.jax_enable_x64:
        raise UserError(
            "config.precision is 'float64', which JAX computes in only if the environment variable "
            "JAX_ENABLE_X64 is 1: set it, for every command that uses this run"
        )
    if config.frozen_batch_stats:
        frozen_parts = len(create_encoder(config).parts)
    return ClipClassifier(
        make_encoder=_encoder(config, frozen_parts),
        make_temporal=_temporal_head(config),
        dropout_features=config.model.dropout_features,
        dropout_head=config.model.dropout_head,
        unit_features=config.model.unit_features,
        data_axis=DATA_AXIS,
        dtype=jnp.dtype("float64" if double else "float32"),
    )


def create_encoder(config: ml_collections.ConfigDict) -> Encoder:
    """Returns the encoder alone.

    Raises:
        UserError: it is unknown.
    """
    return _encoder(config)()


def freezable(config: ml_collections.ConfigDict) -> tuple[str, ...]:
    """The values of `config.freeze`: '', a part (it and those before it are frozen), or all."""
    return ("", *create_encoder(config).parts[:-1], ENCODER)


def num_frozen_parts(config: ml_collections.ConfigDict) -> int:
    """How many of the encoder's first parts `config.freeze` freezes."""
    if config.freeze == ENCODER:
        return len(create_encoder(config).parts)
    return freezable(config).index(config.freeze)


def _encoder(config: ml_collections.ConfigDict, frozen_parts: int = 0) -> Callable[..., Encoder]:
    part = _subclass("model.encoder", config.model.encoder, ENCODERS, Encoder)
    return functools.partial(
        part,
        **parts.options(part, config.model),
        dtype=jnp.dtype(config.precision),
        remat=config.remat,
        tune=config.tune,
        frozen_parts=frozen_parts,
    )


def _temporal_head(config: ml_collections.ConfigDict) -> Callable[..., TemporalHead]:
    part = _subclass("model.temporal", config.model.temporal, TEMPORAL_HEADS, TemporalHead)
    return functools.partial(part, **parts.options(part, config.model))


def _subclass(key: str, name: str, known: Mapping[str, Any], kind: type) -> Callable[..., Any]:
    """The class of this name, a subclass of `kind`; some of its arguments may be bound."""
    part = found = parts.find(key, name, known)
    while isinstance(found, functools.partial):
        found = found.func
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise UserError(
            f"config.{key} is '{name}', which is no subclass of {kind.__module__}.{kind.__name__}"
        )
    return part
