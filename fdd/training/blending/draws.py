"""Random draws that do not depend on the precision that is computed in."""

import math

import jax
import jax.numpy as jnp


class Draws:
    """Draws from one key, in the order of the calls.

    All come from one array, which is drawn at once: a draw of its own for each would be a program
    of its own, and compiling them would take longer than all the rest.
    """

    def __init__(self, key: jax.Array, count: int):
        """Args:
        key: A random key.
        count: How many numbers are enough.
        """
        # From the open interval: both ends of a normal draw stay finite.
        self._values = jax.random.uniform(key, (count,), jnp.float32, 1e-6, 1 - 1e-6)
        self._taken = 0

    def uniform(self, low: float, high: float, shape: tuple[int, ...] = ()) -> jax.Array:
        """Evenly between two numbers, float32 [*shape]."""
        start, self._taken = self._taken, self._taken + math.prod(shape)
        if self._taken > self._values.size:
            raise ValueError(f"{self._taken} numbers are drawn, of {self._values.size}")
        return low + (high - low) * self._values[start : self._taken].reshape(shape)

    def normal(self, shape: tuple[int, ...] = ()) -> jax.Array:
        """From a standard normal distribution, float32 [*shape]."""
        return jax.scipy.special.ndtri(self.uniform(0, 1, shape))

    def chance(self, probability: float) -> jax.Array:
        """True with a probability, bool []."""
        return self.uniform(0, 1) < probability

    def integer(self, low: int, high: int) -> jax.Array:
        """One of low, …, high - 1, int32 []."""
        return jnp.floor(self.uniform(low, high)).astype(jnp.int32)

    def permutation(self, count: int) -> jax.Array:
        """The numbers 0 to count - 1 in another order, int32 [count]."""
        return jnp.argsort(self.uniform(0, 1, (count,)))
