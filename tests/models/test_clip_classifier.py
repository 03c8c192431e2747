import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fdd.models import ENCODERS
from fdd.models.clip_classifier import ClipClassifier
from fdd.models.lstm import LSTM
from fdd.models.temporal import Mean
from tests.rounding import SAME

pytestmark = pytest.mark.usefixtures("float64")  # So that a tolerance hides nothing.
CLIPS = np.random.default_rng(1).normal(size=(3, 10, 32, 32, 3))
TINY = functools.partial(ENCODERS["resnet_tiny"], width=8, dtype=np.float64)
SEEN = 1e-6  # What is more is no rounding.


@pytest.fixture(scope="module")
def model():
    return ClipClassifier(TINY, functools.partial(LSTM, 16))


@pytest.fixture(scope="module")
def variables(model):
    with jax.enable_x64(True):
        drawn = jax.jit(functools.partial(model.init, train=False))(jax.random.key(0), CLIPS)
        return jax.tree.map(np.float64, jax.device_get(drawn))


@pytest.fixture(scope="module")
def logits(model, variables):
    return jax.jit(lambda clips: model.apply(variables, clips, train=False))


def test_sizes_of_the_full_model():
    model = ClipClassifier(ENCODERS["resnet50"], LSTM)
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
        others = CLIPS.copy()
        others[(index + 1) % 3], others[(index + 2) % 3] = 7.0, -7.0
        np.testing.assert_allclose(logits(others)[index], together[index], rtol=SAME)


def test_order_of_frames_matters(logits):
    assert np.abs(logits(CLIPS) - logits(CLIPS[:, ::-1])).min() > SEEN


def test_the_mean_over_frames_is_blind_to_order():
    model = ClipClassifier(TINY, Mean)
    variables = jax.jit(functools.partial(model.init, train=False))(jax.random.key(0), CLIPS)
    logits = jax.jit(lambda clips: model.apply(variables, clips, train=False))
    assert "lstm_cell" not in variables["params"]
    np.testing.assert_allclose(logits(CLIPS), logits(CLIPS[:, ::-1]), rtol=SAME)
    assert np.abs(logits(CLIPS) - logits(CLIPS[:, :1].repeat(10, axis=1))).min() > SEEN


def test_every_frame_matters(logits):
    before = logits(CLIPS)
    for frame in range(10):
        changed = CLIPS.copy()
        changed[:, frame] += 1.0
        assert np.abs(logits(changed) - before).min() > SEEN


def test_gradients_reach_every_parameter(model, variables):
    def loss(params):
        everything = {"params": params, "batch_stats": variables["batch_stats"]}
        out, _ = model.apply(everything, CLIPS, train=True, mutable=["batch_stats"])
        return (out**2).sum()

    gradients = jax.jit(jax.grad(loss))(variables["params"])
    for path, gradient in jax.tree.leaves_with_path(gradients):
        assert np.abs(gradient).max() > 0, jax.tree_util.keystr(path)


def test_batch_statistics_are_over_all_frames_of_all_clips(model, variables):
    step = functools.partial(model.apply, train=True, mutable=["batch_stats"])
    _, updates = jax.jit(step)(variables, CLIPS)
    kernel = variables["params"]["frame_features"]["encoder"]["conv1"]["kernel"]
    frames = CLIPS.reshape(-1, 32, 32, 3)
    out = jax.lax.conv_general_dilated(
        frames,
        np.float64(kernel),
        (2, 2),
        ((3, 3), (3, 3)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    stats = updates["batch_stats"]["frame_features"]["encoder"]["bn1"]
    np.testing.assert_allclose(stats["mean"], 0.1 * out.mean((0, 1, 2)), rtol=SAME, atol=SAME)
    np.testing.assert_allclose(stats["var"], 0.9 + 0.1 * out.var((0, 1, 2)), rtol=SAME)


def test_lstm_is_the_textbook_recurrence(variables, logits):
    folded = CLIPS.reshape(-1, 32, 32, 3)
    encoder = TINY()
    encoder_variables = {
        kind: variables[kind]["frame_features"]["encoder"] for kind in ("params", "batch_stats")
    }
    encode = jax.jit(functools.partial(encoder.apply, train=False))
    features = encode(encoder_variables, folded).mean((1, 2))
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
    np.testing.assert_allclose(logits(CLIPS), expected, rtol=SAME)
