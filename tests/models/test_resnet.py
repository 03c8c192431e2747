import functools

import jax
import jax.numpy as jnp
import pytest

from fdd.models import ENCODERS


def _abstract_variables(encoder):
    init = functools.partial(encoder.init, train=False)
    return jax.eval_shape(init, jax.random.key(0), jnp.zeros((1, 224, 224, 3)))


# torchvision's parameter counts less those of the classifier.
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("resnet18", 11_176_512),
        ("resnet34", 21_284_672),
        ("resnet50", 23_508_032),
        ("resnet101", 42_500_160),
        ("resnet152", 58_143_808),
    ],
)
def test_number_of_parameters(name, count):
    params = _abstract_variables(ENCODERS[name]())["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count


def test_feature_map_of_resnet50():
    encoder = ENCODERS["resnet50"]()
    apply = functools.partial(encoder.apply, train=False)
    out = jax.eval_shape(apply, _abstract_variables(encoder), jnp.zeros((3, 224, 224, 3)))
    assert out.shape == (3, 7, 7, 2048)
    assert out.dtype == jnp.float32
