import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fdd.models.lstm import LSTM


def test_values_and_gradients_are_those_of_flax():
    inputs = jax.random.normal(jax.random.key(0), (3, 10, 7))
    cell = nn.OptimizedLSTMCell(5)
    params = cell.init(jax.random.key(1), (jnp.zeros((3, 5)),) * 2, inputs[:, 0])["params"]
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)  # Biases, too.

    def ours(params, inputs):
        return LSTM(5).apply({"params": params}, inputs)

    def flax(params, inputs):
        return nn.RNN(cell).apply({"params": {"cell": params}}, inputs)[:, -1]

    def gradients(outputs):
        return jax.grad(lambda *args: (outputs(*args) ** 2).sum(), argnums=(0, 1))(params, inputs)

    np.testing.assert_allclose(ours(params, inputs), flax(params, inputs), rtol=1e-5, atol=1e-6)
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6),
        gradients(ours),
        gradients(flax),
    )
