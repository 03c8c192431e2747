"""Config to optax."""

import ml_collections
import optax

from fdd.errors import UserError


def create_optimizer(config: ml_collections.ConfigDict) -> optax.GradientTransformation:
    """Returns the optimiser that `config.optimizer` and `config.learning_rate` name.

    Raises:
        UserError: the optimiser is unknown.

    References:
        Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.
    """
    if config.optimizer != "adam":
        raise UserError(f"config.optimizer is '{config.optimizer}', known: adam")
    return optax.adam(config.learning_rate)
