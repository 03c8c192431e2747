"""Steps of a small network on random clips, for tests of what training changes."""

import functools

import jax
import numpy as np
import optax

from fdd.devices import parallel
from fdd.training import steps
from fdd.training.task import create_state, create_task
from tests import on_devices


def of_stripes(config):
    """The config with a small encoder of batch norms, in float64."""
    config.model.mean, config.model.std = (127.5,) * 3, (64.0,) * 3
    config.precision = "float64"
    config.model.encoder = "tests.own_parts:NormalisedStripes"
    return config


def train(config, num_steps=4, steps_per_epoch=2):
    """The states before and after some steps on random clips, and what the steps reported."""
    devices = parallel.Parallel("jit")
    task = create_task(config, num_steps, steps_per_epoch)
    state = create_state(task, 0, devices.replicated)
    states, infos = [jax.device_get(state)], []
    train_step = devices.compile(functools.partial(steps.train_step, task=task))
    for batch in on_devices.batches(num_steps, slice(0, 4)):
        state, info = train_step(state, batch)
        states.append(jax.device_get(state))
        infos.append(jax.device_get(info))
    return states, infos


def moved(before, after):
    """Names of the encoder's layers and of the rest that differ, of parameters and statistics."""
    moved = {}
    for group in ("params", "batch_stats"):
        moved[group] = set()
        one, two = (getattr(state, group) for state in (before, after))
        for path, leaf in jax.tree.leaves_with_path(one):
            keys = [key.key for key in path]
            other = functools.reduce(lambda tree, key: tree[key], keys, two)
            if not np.array_equal(leaf, other):
                moved[group].add(keys[2] if keys[0] == "frame_features" else keys[0])
    return moved


def stepped(config, num_steps=1):
    """Parameters before and after steps of the optimiser alone, with gradients drawn at random."""
    task = create_task(config, num_steps)
    shapes = jax.eval_shape(lambda key: task.variables(key)["params"], jax.random.key(0))
    rng = np.random.default_rng(0)
    before = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), shapes)
    after, state = before, task.optimizer.init(before)
    update = jax.jit(task.optimizer.update)
    for _ in range(num_steps):
        gradients = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), shapes)
        updates, state = update(gradients, state, after)
        after = optax.apply_updates(after, updates)
    return before, after


def at(tree, path):
    return functools.reduce(lambda tree, key: tree[key.key], path, tree)
