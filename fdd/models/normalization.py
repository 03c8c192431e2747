"""Batch normalisation."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class BatchNorm(nn.Module):
    """Batch normalisation of the last axis, with `flax.linen.BatchNorm`'s names and results.

    It scales and shifts (`x * factor + offset`), while Flax centres and then scales. So the
    gradient consists of plain sums over the maps and one pass that writes, while XLA (0.10) writes
    Flax's centred and scaled maps to memory as well.

    Attributes:
        use_running_average: Normalise with the running statistics, and do not update them.
        momentum: Weight of the old running statistics in an update.
        epsilon: Added to the variance.
        axis_name: Names of mapped axes that statistics include besides the array's own.
        dtype: Type of the result; everything is computed in at least float32.

    References:
        Ioffe and Szegedy, Batch Normalization: Accelerating Deep Network Training by Reducing
        Internal Covariate Shift, ICML 2015.
    """

    use_running_average: bool
    momentum: float = 0.9
    epsilon: float = 1e-5
    axis_name: str | tuple[str, ...] | None = None
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [..., c] to the same shape."""
        size = x.shape[-1:]
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, size, jnp.float32)
        running_var = self.variable("batch_stats", "var", jnp.ones, size, jnp.float32)
        scale = self.param("scale", nn.initializers.ones, size, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, size, jnp.float32)
        x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        mean, var = running_mean.value, running_var.value
        if not (self.use_running_average or self.is_initializing()):
            mean, var = self._statistics(x)
            for running, new in ((running_mean, mean), (running_var, var)):
                running.value = self.momentum * running.value + (1 - self.momentum) * new
        factor = scale * jax.lax.rsqrt(var + self.epsilon)
        return (x * factor + (bias - mean * factor)).astype(self.dtype)

    def _statistics(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        positions = tuple(range(x.ndim - 1))
        mean, square = x.mean(positions), (x * x).mean(positions)
        if self.axis_name:
            mean, square = jax.lax.pmean((mean, square), self.axis_name)
        return mean, jnp.maximum(square - mean * mean, 0)
