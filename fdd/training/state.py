"""The state of training: what changes from step to step."""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax

from fdd.evaluation.metrics import ClipSums
from fdd.models.clip_classifier import ClipClassifier

PyTree = Any


class TrainState(flax.struct.PyTreeNode):
    """Everything that a run needs to go on.

    Attributes:
        step: Number of steps taken, int32.
        params: The model's parameters, of its `dtype`.
        batch_stats: Running means and variances of the batch normalisations, in the same type.
        opt_state: The optimiser's state.
        sums: Loss and accuracy over the steps since the last record.
        average: Exponential moving average of the parameters, for evaluation; None: not used.
    """

    step: jax.Array
    params: PyTree
    batch_stats: PyTree
    opt_state: optax.OptState
    sums: ClipSums
    average: PyTree | None = None


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a run's first state is made.

    Attributes:
        model: The detector.
        optimizer: The optimiser.
        clip_shape: (frames, height, width, channels).
        average: Whether an average of the parameters is kept.
    """

    model: ClipClassifier
    optimizer: optax.GradientTransformation
    clip_shape: tuple[int, ...]
    average: bool = False

    def variables(self, key: jax.Array) -> PyTree:
        """Draws {'params', 'batch_stats'} in float32, whatever the precision; a pure function."""
        clips = jnp.zeros((1, *self.clip_shape), jnp.float32)
        variables = self.model.init(key, clips, train=False)
        params = self.model.redraw(jax.random.fold_in(key, 1), dict(variables["params"]))
        return {"params": params, "batch_stats": variables.get("batch_stats", {})}

    def state(self, variables: PyTree) -> TrainState:
        """The state before the first step; a pure function."""
        dtype = self.model.dtype
        variables = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), dict(variables))
        params = variables["params"]
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            batch_stats=variables["batch_stats"],
            opt_state=self.optimizer.init(params),
            sums=ClipSums.zeros(dtype),
            average=jax.tree.map(jnp.copy, params) if self.average else None,
        )


def create_state(
    recipe: Recipe,
    seed: int,
    sharding: jax.sharding.Sharding,
    change: Callable[[PyTree], PyTree] = lambda variables: variables,
) -> TrainState:
    """Returns the state before the first step.

    Args:
        recipe: How the state is made.
        seed: Decides the initial parameters.
        sharding: Placement of the state.
        change: A function from {'params', 'batch_stats'} of NumPy arrays to the ones to use
            instead, for parameters that are not random.
    """
    # It runs once, and optimising would triple the time for compiling.
    draw = jax.jit(recipe.variables, compiler_options={"xla_backend_optimization_level": "1"})
    variables = jax.device_get(draw(jax.random.key(seed)))
    return jax.jit(recipe.state, out_shardings=sharding)(change(variables))


def inference_state(variables: PyTree) -> TrainState:
    """A state for scoring clips, without the parts that only training needs.

    Args:
        variables: {'params', 'batch_stats'}.
    """
    return TrainState(step=None, opt_state=None, sums=None, **variables)


def abstract_state(recipe: Recipe, sharding: jax.sharding.Sharding) -> TrainState:
    """The shapes, types and placement of `create_state`'s result."""
    shapes = jax.eval_shape(lambda key: recipe.state(recipe.variables(key)), jax.random.key(0))
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), shapes
    )
