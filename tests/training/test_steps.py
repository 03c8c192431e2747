"""What one step of training does: rates, decay, dropout, averages, penalties."""

import functools

import jax
import numpy as np
import pytest

from fdd.devices import parallel
from fdd.models.lstm import LSTM
from fdd.training import steps
from fdd.training.task import create_state, create_task
from tests import on_devices
from tests.rounding import SAME
from tests.training import random_steps

pytestmark = pytest.mark.usefixtures("float64")  # So that a tolerance hides nothing.


@pytest.fixture
def config(config):
    return random_steps.of_stripes(config)


def test_the_encoder_may_learn_more_slowly(config):
    before, after = random_steps.stepped(config)
    config.encoder_learning_rate_scale = 0.1
    _, slow = random_steps.stepped(config)
    for path, start in jax.tree.leaves_with_path(before):
        one, two = (random_steps.at(tree, path) - start for tree in (after, slow))
        scale = 0.1 if path[0].key == "frame_features" else 1.0
        np.testing.assert_allclose(two, scale * one, rtol=SAME)


def test_each_part_may_learn_more_slowly_than_the_next(config):
    config.encoder_learning_rate_scale = 0.5
    before, plain = random_steps.stepped(config)
    config.encoder_learning_rate_decay = 0.1
    _, layered = random_steps.stepped(config)
    model = create_task(config).model
    for path, start in jax.tree.leaves_with_path(before):
        part = model.part_of(tuple(key.key for key in path))
        scale = 1 if part is None else 0.1 ** (3 - part)
        one, two = (random_steps.at(tree, path) - start for tree in (plain, layered))
        np.testing.assert_allclose(
            two, scale * one, rtol=1e-6
        )  # A change of 1e-5 of numbers near 1.


def test_warm_up_and_cosine(config):
    config.learning_rate, config.warmup_steps, config.schedule = 0.1, 4, "cosine"
    rate = create_task(config, num_steps=24).learning_rate
    np.testing.assert_allclose([rate(step) for step in range(5)], [0.025, 0.05, 0.075, 0.1, 0.1])
    assert rate(14) == pytest.approx(0.05)
    assert rate(24) == pytest.approx(0, abs=SAME)
    config.final_learning_rate = 0.02
    rate = create_task(config, num_steps=24).learning_rate
    np.testing.assert_allclose([rate(step) for step in (4, 14, 24)], [0.1, 0.06, 0.02])
    config.warmup_steps, config.schedule = 0, "constant"
    assert create_task(config, num_steps=24).learning_rate(23) == 0.1


def test_weight_decay_shrinks_kernels_alone(config):
    config.learning_rate = 0.01
    _, plain = random_steps.stepped(config)
    config.weight_decay = 0.5
    before, decayed = random_steps.stepped(config)
    for path, start in jax.tree.leaves_with_path(before):
        expected = random_steps.at(plain, path) - 0.01 * 0.5 * start * (start.ndim > 1)
        np.testing.assert_allclose(random_steps.at(decayed, path), expected, rtol=SAME)


@pytest.mark.parametrize("key", ["model.dropout_features", "model.dropout_head"])
def test_dropout(config, key):
    config.update_from_flattened_dict({key: 0.5})
    task = create_task(config)
    features = np.random.default_rng(0).normal(size=(6, 10, 16))
    variables = task.model.init(jax.random.key(0), features, train=False, method="classify")

    def classify(seed=0, **changes):
        keys = jax.random.split(jax.random.key(seed), len(features))
        return task.model.apply(variables, features, method="classify", keys=keys, **changes)

    trained, again, other = classify(train=True), classify(train=True), classify(1, train=True)
    np.testing.assert_array_equal(trained, again)
    config.update_from_flattened_dict({key: 0.0})
    plain = create_task(config).model.apply(variables, features, train=True, method="classify")
    np.testing.assert_allclose(classify(train=False), plain, rtol=SAME)
    for different in (plain, other):
        assert np.abs(trained - different).min() > 1e-6  # Far above rounding.


def test_label_smoothing(config):
    config.label_smoothing = 0.2
    loss_fn = create_task(config).loss_fn
    logit = np.log(9.0)  # Probability 0.9.
    expected = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    np.testing.assert_allclose(loss_fn(np.array([logit]), np.array([1.0])), expected, rtol=SAME)
    expected = -(0.1 * np.log(0.9) + 0.9 * np.log(0.1))
    np.testing.assert_allclose(loss_fn(np.array([logit]), np.array([0.0])), expected, rtol=SAME)


def test_the_average_of_parameters(config):
    config.ema_decay = 0.9
    states, _ = random_steps.train(config)
    average = states[0].params
    for step, state in enumerate(states[1:]):
        decay = min(0.9, (1 + step) / (10 + step))
        average = jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, average, state.params)  # noqa: B023
    near = functools.partial(np.testing.assert_allclose, rtol=SAME, atol=SAME)
    jax.tree.map(near, states[-1].average, average)
    task = create_task(config)
    batch = next(on_devices.batches(1, slice(0, 4)))
    eval_step = parallel.Parallel("jit").compile(functools.partial(steps.eval_step, task=task))
    of_average = eval_step(states[-1].replace(params=states[-1].average, average=None), batch)
    np.testing.assert_allclose(eval_step(states[-1], batch), of_average, rtol=SAME)
    of_parameters = eval_step(states[-1].replace(average=None), batch)
    assert np.abs(of_average - of_parameters).min() > 1e-6  # Far above rounding.


def test_the_penalty_of_the_lstm_kernel(config):
    config.l2_lstm_kernel = 0.01
    config.model.lstm_features = 256
    devices = parallel.Parallel("jit")
    task = create_task(config)
    state = create_state(task, 0, devices.replicated)
    kernels = [np.asarray(state.params["lstm_cell"][g]["kernel"]) for g in ("ii", "if", "ig", "io")]
    expected = 0.01 * (np.concatenate(kernels, axis=1) ** 2).sum()
    assert float(steps.penalty(state.params, task)) == pytest.approx(expected, rel=SAME)


def test_the_control_without_an_lstm_trains_with_the_same_penalty(config):
    config.l2_lstm_kernel = 0.01
    config.model.temporal = "mean"
    (before, after), (info,) = random_steps.train(config, num_steps=1)
    assert np.isfinite(info["loss"])
    assert "head" in random_steps.moved(before, after)["params"]


def test_keras_initialises_an_lstm_in_this_way():
    """The reference system's loss of 8.59 in the first epoch is explained by this penalty."""
    shapes = {f"i{g}": {"kernel": np.zeros((2048, 256))} for g in "ifgo"}
    shapes |= {f"h{g}": {"kernel": np.zeros((256, 256)), "bias": np.zeros(256)} for g in "ifgo"}
    cell = jax.device_get(LSTM().redraw(jax.random.key(0), shapes))
    assert jax.tree.map(np.shape, cell) == jax.tree.map(np.shape, shapes)
    kernel = np.concatenate([cell[f"i{g}"]["kernel"] for g in "ifgo"], axis=1)
    limit = np.sqrt(6 / (2048 + 1024))
    # Of two million uniform numbers, the largest is within 1e-3 of the limit, and the mean square
    # is within 0.01 of a third of its square, except with a probability below 1e-100.
    assert np.abs(kernel).max() == pytest.approx(limit, rel=1e-3)
    assert 0.01 * (kernel**2).sum() == pytest.approx(0.01 * kernel.size * limit**2 / 3, rel=0.01)
    recurrent = np.concatenate([cell[f"h{g}"]["kernel"] for g in "ifgo"], axis=1)
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(256), atol=SAME)
    assert [cell[f"h{g}"]["bias"].mean() for g in "ifgo"] == [0, 1, 0, 0]
