"""Attention rollout of a vision transformer, and the saliency that is made of it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fdd.configs import vit_lstm
from fdd.devices import attention
from fdd.devices.parallel import DATA_AXIS, Parallel
from fdd.inference.saliency import saliency_step
from fdd.models import ENCODERS
from fdd.training import steps
from fdd.training.task import create_state, create_task

QUICKLY = {"xla_backend_optimization_level": "0"}  # What runs once is not worth optimising.
IMAGES = np.random.default_rng(0).normal(size=(2, 32, 32, 3))


def test_weights_are_those_of_attention(float64):
    rng = np.random.default_rng(0)
    queries, keys, values = rng.normal(size=(3, 2, 5, 1, 4))
    mixed = attention.weights(queries, keys) @ values[:, :, 0]
    expected = attention.attend(queries, keys, values)[:, :, 0]
    limit = 100 * np.finfo(np.float32).eps * np.abs(expected).max()  # JAX's softmax is float32.
    np.testing.assert_allclose(mixed, expected, rtol=0, atol=limit)


@pytest.mark.parametrize("name", ["clip_vit_tiny", "dinov3_vit_tiny"])
def test_rollout_multiplies_the_blocks(float64, name):
    """With keys that know nothing, each block attends to all tokens alike: by hand, 2 blocks."""
    encoder = ENCODERS[name](dtype=jnp.float64)
    init = functools.partial(encoder.init, train=False, method=_all)
    variables = jax.jit(init, compiler_options=QUICKLY)(jax.random.key(0), IMAGES)
    attended = jax.jit(encoder.attended, compiler_options=QUICKLY)

    def without_keys(path, leaf):
        return leaf * 0 if any(key.key == "key" for key in path) else leaf

    known = attended(variables, IMAGES)
    assert known.shape == (2, 4, 4) and np.ptp(known, axis=(1, 2)).min() > 0
    alike = attended(jax.tree.map_with_path(without_keys, variables), IMAGES)
    n = 16 + 1 + encoder.num_registers
    block = (np.eye(n) + 1 / n) / 2
    expected = (block @ block)[0, -1]
    np.testing.assert_allclose(alike, np.full((2, 4, 4), expected), rtol=1e-9)


def _all(encoder, images, train):
    return encoder.pool(encoder(images, train=train))


@pytest.mark.parametrize("temporal", ["mean", "lstm"])
def test_maps_divide_what_frames_contribute(temporal):
    """Without the LSTM, contributions and the bias are the logit, also of features of norm 1."""
    config = vit_lstm.get_config()
    config.model.encoder, config.model.pretrained = "clip_vit_tiny", ""
    config.model.temporal, config.model.lstm_features = temporal, 4
    config.model.mean, config.model.std = (127.5,) * 3, (64.0,) * 3
    config.data.image_size, config.data.num_frames, config.precision = 32, 2, "float32"
    task = create_task(config)
    state = create_state(task, 0, Parallel("jit").replicated)
    batch = {"frames": np.random.default_rng(1).integers(0, 256, (3, 2, 32, 32, 3), np.uint8)}
    one = {name: array[None] for name, array in batch.items()}

    def mapped(step):
        step = functools.partial(step, task=task)
        over = jax.vmap(step, in_axes=(None, 0), out_axes=None, axis_name=DATA_AXIS)
        return jax.jit(over, compiler_options=QUICKLY)(state, one)

    maps, contributions = mapped(saliency_step)
    assert maps.shape == (3, 2, 4, 4)
    np.testing.assert_allclose(maps.sum(axis=(2, 3)), contributions, rtol=1e-5)
    assert np.ptp(maps, axis=(2, 3)).min() > 0
    assert np.abs(contributions).min() > 1e-4
    if temporal == "mean":
        logits = mapped(steps.eval_step)  # The bias is 0 at the start.
        np.testing.assert_allclose(contributions.sum(axis=1), logits, rtol=1e-3, atol=1e-5)
