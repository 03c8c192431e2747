"""Terms of the loss about where clips lie on the unit sphere, whatever encoder put them there.

A clip's vector is what the head sees, divided by its Euclidean norm. The terms compare the clips of
a batch, those of all devices, with each other.

References:
    Wang and Isola, Understanding Contrastive Representation Learning through Alignment and
    Uniformity on the Hypersphere, ICML 2020. Alignment within a class: Yermakov et al., Deepfake
    Detection that Generalizes Across Benchmarks, WACV 2026.
"""

import jax
import jax.numpy as jnp

from fdd.devices.parallel import DATA_AXIS
from fdd.models.clip_classifier import unit
from fdd.training.task import Task

_SHARPNESS = 2.0
_LEAST = 1e-6  # Where no two vectors are near each other, the logarithm ends here.


def uniformity(vectors: jax.Array) -> jax.Array:
    """The logarithm of the mean over all pairs of exp(-2 × squared distance): lower is more even.

    Args:
        vectors: float [b, c], of norm 1.
    """
    pairs = _pairs(vectors)
    near = jnp.exp(-_SHARPNESS * _squared_distances(vectors))
    mean = jnp.sum(jnp.where(pairs, near, 0)) / jnp.maximum(pairs.sum(), 1)
    return jnp.log(jnp.maximum(mean, _LEAST))


def alignment(vectors: jax.Array, labels: jax.Array) -> jax.Array:
    """The mean squared distance of pairs of one class; 0 if there is no pair.

    Args:
        vectors: float [b, c], of norm 1.
        labels: [b].
    """
    pairs = _pairs(vectors) & (labels[:, None] == labels)
    return jnp.sum(jnp.where(pairs, _squared_distances(vectors), 0)) / jnp.maximum(pairs.sum(), 1)


def terms(vectors: jax.Array, labels: jax.Array, task: Task) -> jax.Array:
    """The terms, each with its weight, among the clips of all devices.

    Args:
        vectors: A device's, float [b, c].
        labels: Theirs, [b].
        task: What a step computes.
    """
    vectors, labels = (
        jax.lax.all_gather(each, DATA_AXIS, tiled=True) for each in (unit(vectors), labels)
    )
    found = jnp.zeros((), vectors.dtype)
    if task.uniformity:
        found += task.uniformity * uniformity(vectors)
    if task.alignment:
        found += task.alignment * alignment(vectors, labels)
    return found


def _squared_distances(vectors: jax.Array) -> jax.Array:
    """Of all pairs of vectors of norm 1, [b, b]."""
    return jnp.maximum(2 - 2 * vectors @ vectors.T, 0)


def _pairs(vectors: jax.Array) -> jax.Array:
    """Each pair once: bool [b, b]."""
    return jnp.triu(jnp.ones((len(vectors), len(vectors)), bool), k=1)
