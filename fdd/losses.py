"""Training losses, one value per clip."""

import jax
import optax


def binary_cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Cross-entropy in nats of Bernoulli distributions.

    Args:
        logits: float [b]; above 0 for fake.
        labels: float [b]; 1 for fake, 0 for real.

    Returns:
        float [b].
    """
    return optax.sigmoid_binary_cross_entropy(logits, labels)


LOSSES = {"binary_cross_entropy": binary_cross_entropy}
