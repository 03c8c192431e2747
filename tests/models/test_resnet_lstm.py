import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fdd.models.resnet import ENCODERS
from fdd.models.resnet_lstm import ResNetLSTM

CLIPS = jax.random.normal(jax.random.key(1), (3, 10, 32, 32, 3))


@pytest.fixture(scope="module")
def model():
    return ResNetLSTM(functools.partial(ENCODERS["resnet_tiny"], width=8), lstm_features=16)


@pytest.fixture(scope="module")
def variables(model):
    return jax.jit(functools.partial(model.init, train=False))(jax.random.key(0), CLIPS)


@pytest.fixture(scope="module")
def logits(model, variables):
    return jax.jit(lambda clips: model.apply(variables, clips, train=False))


def test_sizes_of_the_full_model():
    model = ResNetLSTM(ENCODERS["resnet50"])
    init = functools.partial(model.init, train=False)
    clips = jnp.zeros((2, 10, 224, 224, 3))
    params = jax.eval_shape(init, jax.random.key(0), clips)["params"]
    counts = {
        name: sum(leaf.size for leaf in jax.tree.leaves(tree)) for name, tree in params.items()
    }
    assert counts == {"frame_features": 23_508_032, "lstm_cell": 2_360_320, "head": 257}


def test_a_clip_does_not_see_its_neighbours(logits):
    together = logits(CLIPS)
    assert together.shape == (3,)
    for index in range(3):
        others = CLIPS.at[(index + 1) % 3].set(7.0).at[(index + 2) % 3].set(-7.0)
        np.testing.assert_allclose(logits(others)[index], together[index], rtol=1e-5, atol=1e-6)


def test_order_of_frames_matters(logits):
    assert np.abs(logits(CLIPS) - logits(CLIPS[:, ::-1])).min() > 1e-4


def test_the_mean_over_frames_is_blind_to_order():
    model = ResNetLSTM(functools.partial(ENCODERS["resnet_tiny"], width=8), temporal="mean")
    variables = jax.jit(functools.partial(model.init, train=False))(jax.random.key(0), CLIPS)
    logits = jax.jit(lambda clips: model.apply(variables, clips, train=False))
    assert "lstm_cell" not in variables["params"]
    np.testing.assert_allclose(logits(CLIPS), logits(CLIPS[:, ::-1]), rtol=1e-4, atol=1e-6)
    assert np.abs(logits(CLIPS) - logits(CLIPS[:, :1].repeat(10, axis=1))).min() > 1e-6


def test_every_frame_matters(logits):
    before = logits(CLIPS)
    for frame in range(10):
        assert np.abs(logits(CLIPS.at[:, frame].add(1.0)) - before).min() > 1e-6


def test_gradients_reach_every_parameter(model, variables):
    def loss(params):
        everything = {"params": params, "batch_stats": variables["batch_stats"]}
        out, _ = model.apply(everything, CLIPS, train=True, mutable=["batch_stats"])
        return (out**2).sum()

    gradients = jax.jit(jax.grad(loss))(variables["params"])
    for path, gradient in jax.tree.leaves_with_path(gradients):
        assert np.abs(gradient).max() > 0, jax.tree_util.keystr(path)


def test_batch_statistics_are_over_all_frames_of_all_clips(model, variables):
    _, updates = model.apply(variables, CLIPS, train=True, mutable=["batch_stats"])
    kernel = variables["params"]["frame_features"]["encoder"]["conv1"]["kernel"]
    frames = CLIPS.reshape(-1, 32, 32, 3)
    out = jax.lax.conv_general_dilated(
        frames, kernel, (2, 2), ((3, 3), (3, 3)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    stats = updates["batch_stats"]["frame_features"]["encoder"]["bn1"]
    np.testing.assert_allclose(stats["mean"], 0.1 * out.mean((0, 1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(stats["var"], 0.9 + 0.1 * out.var((0, 1, 2)), rtol=1e-4, atol=1e-5)


def test_lstm_is_the_textbook_recurrence(variables, logits):
    folded = CLIPS.reshape(-1, 32, 32, 3)
    encoder = functools.partial(ENCODERS["resnet_tiny"], width=8)()
    encoder_variables = {
        kind: variables[kind]["frame_features"]["encoder"] for kind in ("params", "batch_stats")
    }
    features = encoder.apply(encoder_variables, folded, train=False).mean((1, 2))
    features = np.asarray(features).reshape(3, 10, -1)

    cell = jax.tree.map(np.asarray, variables["params"]["lstm_cell"])
    hidden, memory = np.zeros((3, 16)), np.zeros((3, 16))
    for time in range(10):
        gate = {
            name: features[:, time] @ cell[f"i{name}"]["kernel"]
            + hidden @ cell[f"h{name}"]["kernel"]
            + cell[f"h{name}"]["bias"]
            for name in "ifgo"
        }
        sigmoid = {name: 1 / (1 + np.exp(-gate[name])) for name in "ifo"}
        memory = sigmoid["f"] * memory + sigmoid["i"] * np.tanh(gate["g"])
        hidden = sigmoid["o"] * np.tanh(memory)

    head = jax.tree.map(np.asarray, variables["params"]["head"])
    expected = (hidden @ head["kernel"] + head["bias"])[:, 0]
    np.testing.assert_allclose(logits(CLIPS), expected, rtol=1e-4, atol=1e-5)
