"""What training changes from step to step."""

import functools
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax

from fdd.metrics import ClipSums

PyTree = Any


class TrainState(flax.struct.PyTreeNode):
    """Everything a run needs to go on.

    Attributes:
        step: Number of steps taken, int32.
        params: The model's parameters, float32.
        batch_stats: Running means and variances of the batch normalisations, float32.
        opt_state: The optimiser's state.
        sums: Loss and accuracy over the steps since they were last read.
    """

    step: jax.Array
    params: PyTree
    batch_stats: PyTree
    opt_state: optax.OptState
    sums: ClipSums


def create_state(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    clip_shape: tuple[int, ...],
    seed: int,
    sharding: jax.sharding.Sharding,
) -> TrainState:
    """Returns the state before the first step.

    Args:
        model: The detector.
        optimizer: The optimiser.
        clip_shape: (frames, height, width, channels).
        seed: Decides the initial parameters.
        sharding: Where to put it.
    """
    init = functools.partial(_init, model, optimizer, clip_shape)
    return jax.jit(init, out_shardings=sharding)(jax.random.key(seed))


def abstract_state(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    clip_shape: tuple[int, ...],
    sharding: jax.sharding.Sharding,
) -> TrainState:
    """The shapes, types and places of `create_state`'s result."""
    shapes = jax.eval_shape(
        functools.partial(_init, model, optimizer, clip_shape), jax.random.key(0)
    )
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), shapes
    )


def _init(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    clip_shape: tuple[int, ...],
    key: jax.Array,
) -> TrainState:
    variables = model.init(key, jnp.zeros((1, *clip_shape)), train=False)
    params = variables["params"]
    step = jnp.zeros((), jnp.int32)
    return TrainState(
        step, params, variables["batch_stats"], optimizer.init(params), ClipSums.zeros()
    )
