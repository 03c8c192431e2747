import flax.linen as nn
import jax
import numpy as np
import pytest

from fdd.models.normalization import BatchNorm
from tests.rounding import SAME

pytestmark = pytest.mark.usefixtures("float64")  # So that a tolerance hides nothing.


def _results(cls, x, weights, train):
    """A loss, its gradients and the next statistics, with the leading axis of `x` mapped."""

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x):
            settings = {"momentum": 0.9, "epsilon": 1e-5, "axis_name": "frames", "dtype": x.dtype}
            return cls(use_running_average=not train, name="norm", **settings)(x)

    network = nn.vmap(
        Network,
        variable_axes={"params": None, "batch_stats": None},
        split_rngs={"params": False},
        axis_name="frames",
    )()
    variables = network.init(jax.random.key(0), x)
    variables = jax.tree.map(lambda leaf: np.float64(leaf) + 0.3, variables)

    def loss(params, x):
        changed = {**variables, "params": params}
        y, updates = network.apply(changed, x, mutable=["batch_stats"])
        return (y * weights).sum(), (y, updates)

    return jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(variables["params"], x)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("mean", [0, 20])
def test_it_is_that_of_flax(train, mean):
    rng = np.random.default_rng(0)
    x = rng.normal(mean, 3, (5, 4, 3, 3, 6))
    weights = rng.normal(size=x.shape)
    ours, theirs = (_results(cls, x, weights, train) for cls in (BatchNorm, nn.BatchNorm))
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=SAME, atol=SAME)
