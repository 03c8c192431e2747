"""Training losses, one value per clip.

A loss is a function of logits, float [b], and labels, float [b], 1 for fake, to float [b]. Its
other arguments are filled from the config, by name.
"""

import functools
import inspect
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
import optax

from fdd import parts
from fdd.errors import UserError

Loss = Callable[[jax.Array, jax.Array], jax.Array]
_ARGUMENTS = ["logits", "labels"]


def binary_cross_entropy(
    logits: jax.Array, labels: jax.Array, label_smoothing: float = 0.0
) -> jax.Array:
    """Cross-entropy in nats of Bernoulli distributions.

    Args:
        logits: float [b]; above 0 for fake.
        labels: float [b]; 1 for fake, 0 for real.
        label_smoothing: The fraction of each label that is divided evenly between the two
            classes (Szegedy et al., Rethinking the Inception Architecture, CVPR 2016).

    Returns:
        float [b], of the logits' type.
    """
    labels = labels.astype(logits.dtype)
    of_classes = jnp.stack([1 - labels, labels], axis=-1)
    smoothed = optax.smooth_labels(of_classes, label_smoothing)[:, 1]
    return optax.sigmoid_binary_cross_entropy(logits, smoothed)


LOSSES = {"binary_cross_entropy": binary_cross_entropy}


def create_loss(config: ml_collections.ConfigDict) -> Loss:
    """Returns the loss that `config.loss` names.

    Raises:
        UserError: the loss is unknown, or does not accept a setting that is not 0.
    """
    loss = parts.find("loss", config.loss, LOSSES)
    if not inspect.isfunction(loss) or [*inspect.signature(loss).parameters][:2] != _ARGUMENTS:
        raise UserError(
            f"config.loss is '{config.loss}', which is no function of {' and '.join(_ARGUMENTS)}"
        )
    options = parts.options(loss, config)
    if config.label_smoothing and "label_smoothing" not in options:
        raise UserError(
            f"config.loss is '{config.loss}', which takes no label_smoothing: leave that at 0"
        )
    return functools.partial(loss, **options)
