"""Training losses, one value per clip."""

import jax
import optax


def binary_cross_entropy(
    logits: jax.Array, labels: jax.Array, label_smoothing: float = 0.0
) -> jax.Array:
    """Cross-entropy in nats of Bernoulli distributions.

    Args:
        logits: float [b]; above 0 for fake.
        labels: float [b]; 1 for fake, 0 for real.
        label_smoothing: So much of each label is shared out evenly between the two classes
            (Szegedy et al., Rethinking the Inception Architecture, CVPR 2016).

    Returns:
        float [b], of the logits' type.
    """
    labels = labels.astype(logits.dtype)
    smoothed = labels * (1 - label_smoothing) + label_smoothing / 2
    return optax.sigmoid_binary_cross_entropy(logits, smoothed)


LOSSES = {"binary_cross_entropy": binary_cross_entropy}
