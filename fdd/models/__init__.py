"""Networks."""

import functools

import jax.numpy as jnp
import ml_collections

from fdd.errors import UserError
from fdd.models.resnet import ENCODERS, PARTS
from fdd.models.resnet_lstm import TEMPORAL, ResNetLSTM
from fdd.parallel import DATA_AXIS

FREEZE = ("", *PARTS[:-1], "encoder")


def num_frozen_parts(freeze: str) -> int:
    """How many of the encoder's parts, from the stem on, `config.freeze` names."""
    return FREEZE.index(freeze) if freeze != "encoder" else len(PARTS)


def parameter_dtype(config: ml_collections.ConfigDict) -> jnp.dtype:
    """Type of parameters and statistics: float32, or float64 where config.precision asks for it."""
    return jnp.promote_types(config.precision, jnp.float32)


def create_model(config: ml_collections.ConfigDict, frozen_parts: int = 0) -> ResNetLSTM:
    """Returns the detector that `config.model` describes.

    Args:
        config: The run's config.
        frozen_parts: How many of the encoder's parts normalise with their running statistics in
            training too; with config.frozen_batch_stats all do.

    Raises:
        UserError: the encoder or what follows it is unknown.
    """
    if config.model.encoder not in ENCODERS:
        raise UserError(
            f"config.model.encoder is '{config.model.encoder}', known: {', '.join(ENCODERS)}"
        )
    if config.model.temporal not in TEMPORAL:
        raise UserError(
            f"config.model.temporal is '{config.model.temporal}', known: {', '.join(TEMPORAL)}"
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
    )
