"""CLIP's vision transformer with an LSTM over its frames' features: this project's own combination.

    python -m fdd.main --config=configs/vit_lstm.py --config.data.manual_dir=DIR

**Untested at scale**: it has not been trained on any data set of real videos. It is
`configs/gend.py` with clips of ten frames instead of single ones: the LSTM sees how features change
in time, which GenD cannot. Each clip's faces lie on one smooth track, so that alignment does not
jitter from frame to frame; the score of a video is again the mean logit. The terms of the loss
compare what the LSTM gives for a clip.
"""

import ml_collections

from fdd.configs import gend


def get_config() -> ml_collections.ConfigDict:
    """Returns `configs/gend.py`'s config with these changes."""
    config = gend.get_config()
    config.data.alignment = "smoothed"
    config.data.num_frames = 10
    config.data.sampling = "consecutive"
    config.data.clips_per_video = 4
    config.model.temporal = "lstm"
    config.video_score = "mean_logit"
    config.batch_size = 32
    return config
