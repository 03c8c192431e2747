"""ResNet-50 and the mean over frames instead of the LSTM: a control that is blind to order.

python -m fdd.main --config=configs/resnet_lstm_mean.py
"""

import ml_collections

from fdd.configs import resnet_lstm


def get_config() -> ml_collections.ConfigDict:
    """Returns `configs/resnet_lstm.py`'s config with one line changed."""
    config = resnet_lstm.get_config()
    config.model.temporal = "mean"
    return config
