"""The state of training: what changes from step to step."""

from typing import Any

import flax.struct
import jax
import optax

from fdd.evaluation.metrics import ClipSums

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


def inference_state(variables: PyTree) -> TrainState:
    """A state for scoring clips, without the parts that only training needs.

    Args:
        variables: {'params', 'batch_stats'}.
    """
    return TrainState(step=None, opt_state=None, sums=None, **variables)
