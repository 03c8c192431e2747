"""Terms of the loss that compare clips on the unit sphere, and the recipes that use them."""

import functools
import itertools

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from fdd.configs import gend, vit_lstm
from fdd.devices.parallel import DATA_AXIS, Parallel
from fdd.models.clip_classifier import unit
from fdd.training import config_checks, fit, spread, steps
from fdd.training.task import create_state, create_task

QUICKLY = {"xla_backend_optimization_level": "0"}  # What runs once is not worth optimising.
LABELS = np.array([0, 1, 1, 0, 1, 0], np.float32)


def _vectors():
    vectors = np.random.default_rng(0).normal(size=(6, 4))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _pairs(same=False):
    numbers = itertools.combinations(range(6), 2)
    return [(i, j) for i, j in numbers if not same or LABELS[i] == LABELS[j]]


def test_the_terms_are_means_over_pairs(float64):
    vectors = _vectors()
    squared = {(i, j): ((vectors[i] - vectors[j]) ** 2).sum() for i, j in _pairs()}
    even = np.log(np.mean([np.exp(-2 * squared[pair]) for pair in _pairs()]))
    near = np.mean([squared[pair] for pair in _pairs(same=True)])
    np.testing.assert_allclose(spread.uniformity(vectors), even, rtol=1e-12)
    np.testing.assert_allclose(spread.alignment(vectors, LABELS), near, rtol=1e-12)
    assert spread.alignment(vectors[:2], LABELS[:2]) == 0, "no pair of one class"


def test_gradients_move_vectors_apart_or_together(float64):
    vectors = jnp.asarray(_vectors())
    for term, change in (
        (spread.uniformity, -1),
        (functools.partial(spread.alignment, labels=jnp.asarray(LABELS)), -1),
    ):
        step = change * 1e-3 * jax.grad(lambda v, term=term: term(unit(v)))(vectors)
        assert term(unit(vectors + step)) < term(vectors)


def _small(config):
    """The recipe with a tiny network on few pixels."""
    config.model.encoder, config.model.pretrained = "clip_vit_tiny", ""
    config.model.lstm_features = 4
    config.data.image_size = 32
    config.model.mean, config.model.std = (127.5,) * 3, (64.0,) * 3
    config.precision, config.batch_size = "float32", 6
    config.data.num_frames = min(2, config.data.num_frames)
    return config


def test_terms_are_the_same_on_any_number_of_devices(float64):
    """Two devices are two places of a mapped axis; the mean of their gradients is taken."""
    task = create_task(_small(gend.get_config()))
    vectors = np.random.default_rng(0).normal(size=(6, 4))

    def gradient(vectors, labels):
        found = jax.grad(lambda scale: spread.terms(scale * vectors + 1, labels, task))(1.0)
        return jax.lax.pmean(found, DATA_AXIS)

    mapped = jax.vmap(gradient, axis_name=DATA_AXIS)
    one = mapped(vectors[None], LABELS[None])
    two = mapped(vectors.reshape(2, 3, 4), LABELS.reshape(2, 3))
    assert abs(one[0]) > 1e-3
    np.testing.assert_allclose(two, [one[0]] * 2, rtol=1e-12)


@pytest.mark.thorough
@pytest.mark.parametrize("recipe", [gend, vit_lstm])
def test_a_step_of_the_recipes(recipe):
    config = _small(recipe.get_config())
    config_checks.check(config)
    assert not fit.parts_add_up(config), "in parts, other clips would be compared"
    found = {}
    for weight in (0.0, 0.5):
        config.uniformity = config.alignment = weight
        task = create_task(config, num_steps=10)
        state = create_state(task, 0, Parallel("jit").replicated)
        before = jax.device_get(state.params)
        rng = np.random.default_rng(0)
        batch = {
            "frames": rng.integers(0, 256, (6, *task.clip_shape), np.uint8),
            "label": LABELS,
            "position": np.arange(6, dtype=np.int32),
        }
        step = functools.partial(steps.train_step, task=task)
        mapped = jax.vmap(step, in_axes=(None, 0), out_axes=None, axis_name=DATA_AXIS)
        after, info = jax.jit(mapped, compiler_options=QUICKLY)(
            state, {name: array[None] for name, array in batch.items()}
        )
        found[weight] = float(info["gradient_norm"])
        for path, leaf in jax.tree.leaves_with_path(before):
            names = tuple(key.key for key in path)
            new = functools.reduce(lambda tree, name: tree[name], names, after.params)
            learns = "encoder" not in names or bool({"norm", "norm1", "norm2"} & {*names})
            if not learns and "pre_norm" not in names:
                np.testing.assert_array_equal(new, leaf)
    assert found[0.0] != found[0.5]


def test_what_is_known_is_not_drawn():
    """Weights that are loaded are not drawn at random first: that would be one more copy."""
    task = create_task(_small(ml_collections.ConfigDict(gend.get_config())))
    place = Parallel("jit").replicated
    plain = jax.device_get(create_state(task, 0, place))
    seen = []

    def change(variables):
        seen.extend(jax.tree.leaves(variables))
        head = variables["params"]["head"]
        known = jax.tree.map(lambda leaf: np.full(leaf.shape, 2, leaf.dtype), variables["params"])
        return {**variables, "params": {**known, "head": head}}

    changed = jax.device_get(create_state(task, 0, place, change))
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in seen)
    jax.tree.map(np.testing.assert_array_equal, changed.params["head"], plain.params["head"])
    of_encoder = jax.tree.leaves(changed.params["frame_features"])
    assert all((leaf == 2).all() for leaf in of_encoder)
