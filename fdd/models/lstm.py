"""Long short-term memory."""

import functools
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fdd.models.temporal import TemporalHead

GATES = "ifgo"  # Input, forget, cell, output.
Carry = tuple[jax.Array, jax.Array]
PyTree = Any


class LSTM(TemporalHead):
    """An LSTM cell, scanned over time; its last output is the clip's vector.

    Parameters and results are those of a scan of `flax.linen.OptimizedLSTMCell`. But the inputs'
    part of the gates is computed for all times at once before the scan, which would otherwise read
    the input kernels at each time.

    Attributes:
        lstm_features: Size of the state.

    References:
        Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 1997.
    """

    lstm_features: int = 256

    place: ClassVar[str] = "lstm_cell"
    title: ClassVar[str] = "LSTM, last state"

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        """Maps sequences, float [b, t, c], to their last outputs, float [b, lstm_features]."""
        dense = functools.partial(nn.Dense, self.lstm_features)
        from_inputs = [dense(use_bias=False, name=f"i{gate}")(features) for gate in GATES]

        def step(self: LSTM, carry: Carry, from_inputs: list[jax.Array]) -> tuple[Carry, None]:
            cell, output = carry
            i, f, g, o = (
                dense(name=f"h{gate}")(output) + from_input
                for gate, from_input in zip(GATES, from_inputs, strict=True)
            )
            cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * nn.tanh(g)
            return (cell, nn.sigmoid(o) * nn.tanh(cell)), None

        over_time = nn.scan(
            step, variable_broadcast="params", split_rngs={"params": False}, in_axes=1
        )
        zeros = jnp.zeros_like(from_inputs[0][:, 0])
        (_, output), _ = over_time(self, (zeros, zeros), from_inputs)
        return output

    @nn.nowrap
    def redraw(self, key: jax.Array, params: PyTree) -> PyTree:
        """Draws the parameters as Keras does; Flax draws each gate's, without a forget bias.

        Args:
            key: A random key.
            params: Its parameters, for their shapes and type.

        Returns:
            Glorot uniform input kernels and an orthogonal recurrent kernel, each drawn for all four
            gates together; biases are 0, except the forget gate's, which is 1.

        References:
            keras.layers.LSTM with its default arguments. The bias: Jozefowicz, Zaremba and
            Sutskever, An Empirical Exploration of Recurrent Network Architectures, ICML 2015.
        """
        dtype = params["ii"]["kernel"].dtype
        inputs, features = params["ii"]["kernel"].shape
        input_key, recurrent_key = jax.random.split(key)
        kernel = nn.initializers.glorot_uniform()(input_key, (inputs, 4 * features), dtype)
        recurrent = nn.initializers.orthogonal()(recurrent_key, (features, 4 * features), dtype)
        drawn = {}
        for gate, own, other in zip(
            GATES, jnp.split(kernel, 4, axis=1), jnp.split(recurrent, 4, axis=1), strict=True
        ):
            bias = jnp.full(features, 1.0 if gate == "f" else 0.0, dtype)
            drawn[f"i{gate}"] = {"kernel": own}
            drawn[f"h{gate}"] = {"kernel": other, "bias": bias}
        return drawn

    @nn.nowrap
    def penalised(self, params: PyTree) -> list[jax.Array]:
        """The input kernels, as in Keras' `kernel_regularizer` of the layer."""
        return [params[f"i{gate}"]["kernel"] for gate in GATES]

    @nn.nowrap
    def to_torch(self, params: PyTree) -> dict[str, np.ndarray]:
        """In the form of a one-layer `torch.nn.LSTM`: the gates' rows stacked, two biases."""
        bias = np.concatenate([params[f"h{gate}"]["bias"] for gate in GATES])
        return {
            "lstm.weight_ih_l0": np.concatenate([params[f"i{g}"]["kernel"].T for g in GATES]),
            "lstm.weight_hh_l0": np.concatenate([params[f"h{g}"]["kernel"].T for g in GATES]),
            "lstm.bias_ih_l0": np.zeros_like(bias),
            "lstm.bias_hh_l0": bias,
        }
