"""Frozen parts are not trained, and thawed parts are."""

import functools

import jax
import numpy as np
import pytest

from fdd import models
from fdd.devices import parallel
from fdd.training import steps
from fdd.training.run import open_run
from fdd.training.task import create_task
from tests import on_devices
from tests.training import random_steps

pytestmark = pytest.mark.usefixtures("float64")  # So that a tolerance hides nothing.

LAYERS = ("first", "layer1", "layer2")
NORMS = ("first_norm", "layer1_norm", "layer2_norm")


@pytest.fixture
def config(config):
    return random_steps.of_stripes(config)


@pytest.mark.parametrize(("freeze", "num_frozen"), [("layer1", 2), ("encoder", 3)])
def test_frozen_parts_do_not_move_by_a_bit(config, freeze, num_frozen):
    config.freeze = freeze
    config.weight_decay = 0.1
    (before, *_, after), _ = random_steps.train(config)
    moved = random_steps.moved(before, after)
    assert moved["params"] == {"lstm_cell", "head", *LAYERS[num_frozen:], *NORMS[num_frozen:]}
    assert moved["batch_stats"] == {*NORMS[num_frozen:]}


@pytest.mark.parametrize(("freeze", "num_frozen"), [("stem", 2), ("stage1", 4)])
def test_frozen_parts_of_a_resnet(config, freeze, num_frozen):
    config.model.encoder, config.freeze = "resnet18", freeze
    task = create_task(config)
    shapes = jax.eval_shape(lambda key: task.variables(key)["params"], jax.random.key(0))
    params = jax.tree.map(lambda leaf: np.ones(leaf.shape), shapes)
    updates, _ = task.optimizer.update(params, task.optimizer.init(params), params)
    encoder = task.model.encoder_variables({"params": updates})["params"]
    still = {name for name, tree in encoder.items() if not any(map(np.any, jax.tree.leaves(tree)))}
    assert still == {*("conv1", "bn1", "layer1_0", "layer1_1")[:num_frozen]}


def test_frozen_for_the_first_epoch(config):
    config.freeze = "encoder"
    config.freeze_epochs = 1
    config.weight_decay = 0.1
    states, _ = random_steps.train(config, num_steps=4, steps_per_epoch=2)
    assert random_steps.moved(states[0], states[2])["params"] == {"lstm_cell", "head"}
    assert {"first", "layer2"} <= random_steps.moved(states[2], states[3])["params"]


def test_thawed_parts_start_with_a_fresh_adam(config):
    """Adam's first update is about the learning rate times the sign of the gradient."""
    config.freeze, config.freeze_epochs, config.schedule = "encoder", 2, "constant"
    config.encoder_learning_rate_scale, config.accumulate_steps = 0.5, 2
    states, _ = random_steps.train(config, num_steps=5, steps_per_epoch=2)
    before, after = (state.params["frame_features"] for state in states[4:])
    updates = jax.tree.map(np.subtract, after, before)
    assert jax.tree.all(jax.tree.map(np.array_equal, before, states[0].params["frame_features"]))
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(updates))
    # The moments' ratio is at most 1 for the first gradient; a parameter's rounding comes on top.
    largest_parameter = max(np.abs(leaf).max() for leaf in jax.tree.leaves(after))
    rounding = float(np.finfo(np.float32).eps * largest_parameter)
    assert largest == pytest.approx(0.5 * config.learning_rate, rel=1e-3, abs=2 * rounding)


def test_batch_norms_thaw_with_their_layers(config):
    config.freeze, config.freeze_epochs = "layer1", 1
    states, _ = random_steps.train(config, num_steps=3, steps_per_epoch=2)
    assert random_steps.moved(states[0], states[2])["batch_stats"] == {"layer2_norm"}
    assert random_steps.moved(states[2], states[3])["batch_stats"] == {
        "first_norm",
        "layer1_norm",
        "layer2_norm",
    }


def test_frozen_statistics(config):
    config.frozen_batch_stats = True
    (before, *_, after), _ = random_steps.train(config)
    moved = random_steps.moved(before, after)
    assert moved["batch_stats"] == set()
    assert {"first", "first_norm", "layer1", "layer2"} <= moved["params"]


def test_layer_norms_alone_learn(config):
    config.model.encoder, config.tune, config.weight_decay = "clip_vit_tiny", "layer_norm", 0.1
    (before, *_, after), _ = random_steps.train(config, num_steps=2)
    model = create_task(config).model
    for path, leaf in jax.tree.leaves_with_path(before.params):
        names = [key.key for key in path]
        part = model.part_of(tuple(names))
        learns = part is None or any("norm" in name for name in names)
        assert np.array_equal(leaf, random_steps.at(after.params, path)) != learns, names
    config.freeze = "block1"
    update = _still_updates(config)
    assert {"norm", "block2"} == update["moved"]


def _still_updates(config):
    """Which of the encoder's parts an update of ones everywhere moves."""
    task = create_task(config)
    shapes = jax.eval_shape(lambda key: task.variables(key)["params"], jax.random.key(0))
    params = jax.tree.map(lambda leaf: np.ones(leaf.shape), shapes)
    updates, _ = task.optimizer.update(params, task.optimizer.init(params), params)
    encoder = task.model.encoder_variables({"params": updates})["params"]
    return {"moved": {k for k, tree in encoder.items() if any(map(np.any, jax.tree.leaves(tree)))}}


def test_no_gradient_of_what_does_not_learn_is_computed(config):
    """A kernel's gradient is a product of the kernel's shape."""
    config.model.encoder = "clip_vit_tiny"  # 8 features; 32 in a perceptron's hidden layer.
    counts = {}
    for config.tune in ("all", "layer_norm"):
        task = create_task(config)
        state = jax.eval_shape(lambda key, t=task: t.state(t.variables(key)), jax.random.key(0))
        batch = next(on_devices.batches(1, slice(0, 2)))
        step = functools.partial(steps.train_step, task=task)
        program = parallel.Parallel("jit").lower(step, state, batch).as_text()
        products = [line for line in program.splitlines() if "stablehlo.dot_general" in line]
        counts[config.tune] = sum("tensor<8x32xf64>" in p.rpartition("->")[2] for p in products)
        counts[config.tune] += sum("tensor<32x8xf64>" in p.rpartition("->")[2] for p in products)
    assert counts == {"all": 4, "layer_norm": 0}


def test_names_of_what_can_be_frozen(config):
    config.model.encoder = "resnet18"
    names = ("", "stem", "stage1", "stage2", "stage3", "encoder")
    assert models.freezable(config) == names
    for number, config.freeze in enumerate(names):
        assert models.num_frozen_parts(config) == number


def test_epochs_without_a_part_to_freeze_are_told(config, tmp_path, capsys):
    config.freeze_epochs = 2
    with open_run(config, tmp_path):
        assert "config.freeze_epochs has no effect" in capsys.readouterr().err
