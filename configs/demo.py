"""The whole system on drawn talking heads, in a few minutes on two CPU cores.

    python -m fdd.main --config=configs/demo.py

draws the videos and builds the data set below data/, trains in runs/demo, and reports there.
"""

import ml_collections

from fdd.configs import resnet_lstm


def get_config() -> ml_collections.ConfigDict:
    """Returns `configs/resnet_lstm.py`'s config, scaled down."""
    config = resnet_lstm.get_config("face")
    config.data.data_dir = "data"
    config.data.demo = ml_collections.ConfigDict(  # See `fdd.demo.DemoSpec`.
        {"seed": 0, "train_pairs": 60, "val_pairs": 10, "test_pairs": 30, "num_frames": 40}
    )
    config.data.methods = ("DemoIdentitySwap", "DemoFlicker", "DemoReorder")
    config.data.train_per_class = 0
    config.data.held_out_per_class = 0
    config.data.clips_per_video = 4
    config.data.image_size = 48
    config.model.encoder = "resnet18"
    config.model.width = 8
    config.model.version = "v1.5"
    config.model.pretrained = ""
    config.model.lstm_features = 64
    config.augment.flip = True
    config.l2_lstm_kernel = 0.0
    config.learning_rate = 0.002
    config.schedule = "cosine"
    config.num_steps = 600
    config.eval_every_steps = 50
    config.log_every_steps = 25
    return config
