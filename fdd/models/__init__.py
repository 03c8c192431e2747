"""Networks."""

import functools

import jax.numpy as jnp
import ml_collections

from fdd.errors import UserError
from fdd.models.resnet import ENCODERS
from fdd.models.resnet_lstm import TEMPORAL, ResNetLSTM
from fdd.parallel import DATA_AXIS


def create_model(config: ml_collections.ConfigDict) -> ResNetLSTM:
    """Returns the detector that `config.model` describes.

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
        frozen_batch_stats=config.frozen_batch_stats,
    )
    return ResNetLSTM(
        encoder,
        lstm_features=config.model.lstm_features,
        temporal=config.model.temporal,
        data_axis=DATA_AXIS,
    )
