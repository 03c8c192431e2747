"""How Keras starts an LSTM; Flax would start each gate by itself, without a forget bias."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fdd.models.lstm import GATES

Params = dict[str, dict[str, jax.Array]]


def keras_lstm(key: jax.Array, cell: Params) -> Params:
    """Draws the parameters of a `fdd.models.lstm.LSTM` anew.

    Args:
        key: A random key.
        cell: Its parameters, for their shapes and type.

    Returns:
        Glorot uniform input kernels and an orthogonal recurrent kernel, each drawn for all four
        gates together; biases 0, of the forget gate 1.

    References:
        keras.layers.LSTM with its default arguments. The bias: Jozefowicz, Zaremba and Sutskever,
        An Empirical Exploration of Recurrent Network Architectures, ICML 2015.
    """
    dtype = cell["ii"]["kernel"].dtype
    inputs, features = cell["ii"]["kernel"].shape
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
