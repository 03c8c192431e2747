"""Attention on sequences of any length, also where a kernel takes even ones only."""

import jax
import numpy as np
import pytest

from fdd.devices import attention


def test_float64_is_float64_throughout(float64: None) -> None:
    """Against NumPy; a softmax in float32 would be off by some 1e-8."""
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, n, 3, 8)) for n in (5, 7, 7))
    scores = np.exp(np.einsum("bnhc,bmhc->bhnm", q, k) / np.sqrt(8))
    expected = np.einsum("bhnm,bmhc->bnhc", scores / scores.sum(axis=-1, keepdims=True), v)
    limit = 64 * np.finfo(np.float64).eps * np.abs(v).max()  # Of sums of eight terms and fewer.
    np.testing.assert_allclose(attention.attend(q, k, v), expected, rtol=0, atol=limit)


@pytest.mark.parametrize(("queries", "keys"), [(5, 5), (6, 3)])
def test_padding_to_an_even_length_changes_nothing(queries: int, keys: int, float64: None) -> None:
    """Neither values nor gradients; the padded rows themselves are gone."""
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, n, 3, 8)) for n in (queries, keys, keys))
    weights = rng.standard_normal(q.shape)

    def padded(*arrays: jax.Array) -> jax.Array:
        return (weights * attention.of_even_length("xla", *arrays)).sum()

    def plain(*arrays: jax.Array) -> jax.Array:
        return (weights * attention.attend(*arrays)).sum()

    found = jax.value_and_grad(padded, (0, 1, 2))(q, k, v)
    expected = jax.value_and_grad(plain, (0, 1, 2))(q, k, v)

    def compare(a: jax.Array, b: jax.Array) -> None:
        limit = 100 * np.finfo(np.float32).eps * np.abs(b).max()  # JAX's softmax is float32.
        np.testing.assert_allclose(a, b, rtol=0, atol=limit)

    jax.tree.map(compare, found, expected)
