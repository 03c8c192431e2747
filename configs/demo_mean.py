"""The demo with the mean over frames instead of the LSTM: a control that is blind to order.

python -m fdd.main --config=configs/demo_mean.py
"""

import ml_collections

from fdd.configs import demo


def get_config() -> ml_collections.ConfigDict:
    """Returns `configs/demo.py`'s config with one line changed."""
    config = demo.get_config()
    config.model.temporal = "mean"
    return config
