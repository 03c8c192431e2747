"""The demo, tested with the frames of every test clip in random order: a control.

python -m fdd.main --config=configs/demo_shuffled.py

trains as the demo does. To test the demo's run in this way instead of training again:

python -m fdd.evaluate --workdir=runs/demo --frames=shuffled
"""

import ml_collections

from fdd.configs import demo


def get_config() -> ml_collections.ConfigDict:
    """Returns `configs/demo.py`'s config with one line changed."""
    config = demo.get_config()
    config.eval_frames = "shuffled"
    return config
