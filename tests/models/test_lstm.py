import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fdd.models.lstm import LSTM
from tests.rounding import SAME

pytestmark = pytest.mark.usefixtures("float64")  # So that a tolerance hides nothing.


def test_values_and_gradients_are_those_of_flax():
    inputs = jax.random.normal(jax.random.key(0), (3, 10, 7))
    cell = nn.OptimizedLSTMCell(5, param_dtype=float)
    params = cell.init(jax.random.key(1), (jnp.zeros((3, 5)),) * 2, inputs[:, 0])["params"]
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)  # Biases, too.

    @jax.jit
    def ours(params, inputs):
        return LSTM(5).apply({"params": params}, inputs)

    @jax.jit
    def flax(params, inputs):
        return nn.RNN(cell).apply({"params": {"cell": params}}, inputs)[:, -1]

    def gradients(outputs):
        loss = jax.jit(jax.grad(lambda *args: (outputs(*args) ** 2).sum(), argnums=(0, 1)))
        return loss(params, inputs)

    np.testing.assert_allclose(ours(params, inputs), flax(params, inputs), rtol=SAME)
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=SAME, atol=SAME),
        gradients(ours),
        gradients(flax),
    )
