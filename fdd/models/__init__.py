"""Networks."""

import functools

import jax
import jax.numpy as jnp
import ml_collections

from fdd.devices.parallel import DATA_AXIS
from fdd.errors import UserError
from fdd.models.resnet import ENCODERS, PARTS
from fdd.models.resnet_lstm import TEMPORAL, ResNetLSTM

FREEZE = ("", *PARTS[:-1], "encoder")


def num_frozen_parts(freeze: str) -> int:
    """How many of the encoder's parts, from the stem on, `config.freeze` names."""
    return FREEZE.index(freeze) if freeze != "encoder" else len(PARTS)


def create_model(config: ml_collections.ConfigDict, frozen_parts: int = 0) -> ResNetLSTM:
    """Returns the detector that `config.model` describes.

    Args:
        config: The run's config.
        frozen_parts: How many of the encoder's parts normalise with their running statistics in
            training too; with config.frozen_batch_stats all do.

    Raises:
        UserError: the encoder or what follows it is unknown, or JAX has no float64 and
            `config.precision` is that.
    """
    if config.model.encoder not in ENCODERS:
        raise UserError(
            f"config.model.encoder is '{config.model.encoder}', known: {', '.join(ENCODERS)}"
        )
    if config.model.temporal not in TEMPORAL:
        raise UserError(
            f"config.model.temporal is '{config.model.temporal}', known: {', '.join(TEMPORAL)}"
        )
    double = config.precision == "float64"
    if double and not jax.config.jax_enable_x64:
        raise UserError(
            "config.precision is 'float64', which JAX computes in only if the environment variable "
            "JAX_ENABLE_X64 is 1: set it, for every command that uses this run"
        )
    encoder = functools.partial(
        ENCODERS[config.model.encoder],
        width=config.model.width,
        dtype=jnp.dtype(config.precision),
        remat=config.remat,
        frozen_parts=len(PARTS) if config.frozen_batch_stats else frozen_parts,
        version=config.model.version,
    )
    return ResNetLSTM(
        encoder,
        lstm_features=config.model.lstm_features,
        temporal=config.model.temporal,
        dropout_features=config.model.dropout_features,
        dropout_head=config.model.dropout_head,
        data_axis=DATA_AXIS,
        dtype=jnp.dtype("float64" if double else "float32"),
    )
