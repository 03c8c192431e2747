"""Long short-term memory."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

GATES = "ifgo"  # Input, forget, cell, output.
Carry = tuple[jax.Array, jax.Array]


class LSTM(nn.Module):
    """An LSTM cell, scanned over time.

    It has the parameters of `flax.linen.OptimizedLSTMCell`, which `fdd.models.initializers` draws,
    and gives what a scan of that gives. But what the inputs add to the gates is computed for all
    times at once, before the scan, which would otherwise read their kernels at each time.

    Attributes:
        features: Size of the state.

    References:
        Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 1997.
    """

    features: int

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Maps sequences, float [b, t, c], to their last outputs, float [b, features]."""
        dense = functools.partial(nn.Dense, self.features)
        from_inputs = [dense(use_bias=False, name=f"i{gate}")(inputs) for gate in GATES]

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
