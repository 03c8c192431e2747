"""What a train step needs, counted without a compiler."""

import pytest

from fdd.configs import resnet_lstm
from fdd.training import counted, pretrained


def _count(devices=1, encoder="resnet_tiny", **changes):
    config = resnet_lstm.get_config()
    config.model.encoder, config.model.pretrained = encoder, ""
    config.model.width, config.model.lstm_features, config.data.image_size = 8, 16, 32
    config.batch_size = 32
    for key, value in changes.items():
        config[key] = value
    return counted.step_bytes(pretrained.with_normalization(config), devices)


def test_settings_that_save_memory_save_it():
    whole = _count()
    assert _count(precision="bfloat16") < 0.7 * whole
    assert _count(accumulate_steps=4) < 0.5 * whole
    assert _count(freeze="encoder") < 0.3 * whole
    assert _count(devices=2) == _count(batch_size=16)


def test_with_remat_one_block_at_a_time_is_stored():
    whole, less = (_count(encoder="resnet18", remat=remat) for remat in (False, True))
    assert less < 0.8 * whole


def test_memory_grows_by_the_same_for_each_clip():
    few, more, most = (_count(batch_size=size) for size in (2, 4, 8))
    assert most - more == pytest.approx(2 * (more - few), rel=1e-3)
