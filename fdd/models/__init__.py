"""Networks."""

import functools

import ml_collections

from fdd.errors import UserError
from fdd.models.resnet import ENCODERS
from fdd.models.resnet_lstm import ResNetLSTM


def create_model(config: ml_collections.ConfigDict) -> ResNetLSTM:
    """Returns the detector that `config.model` describes.

    Raises:
        UserError: the encoder is unknown.
    """
    if config.model.encoder not in ENCODERS:
        raise UserError(
            f"config.model.encoder is '{config.model.encoder}', known: {', '.join(ENCODERS)}"
        )
    encoder = functools.partial(ENCODERS[config.model.encoder], width=config.model.width)
    return ResNetLSTM(encoder, lstm_features=config.model.lstm_features)
