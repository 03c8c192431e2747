"""Config to optax."""

import ml_collections
import optax

from fdd.errors import UserError


def create_optimizer(
    config: ml_collections.ConfigDict,
) -> tuple[optax.GradientTransformation, optax.Schedule]:
    """Returns the optimiser that the config describes, and its learning rate by step.

    Raises:
        UserError: the optimiser is unknown.

    References:
        Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.
    """
    if config.optimizer != "adam":
        raise UserError(f"config.optimizer is '{config.optimizer}', known: adam")
    learning_rate = optax.constant_schedule(config.learning_rate)
    return optax.adam(config.learning_rate), learning_rate
