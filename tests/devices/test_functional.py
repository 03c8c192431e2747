import functools

import jax
import numpy as np
import pytest
from flax import linen as nn

from fdd.devices import convolution as functional
from tests.rounding import SAME

_NHWC = ("NHWC", "HWIO", "NHWC")
pytestmark = pytest.mark.usefixtures("float64")  # So that a tolerance hides nothing.


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2), (7, 2)])
@pytest.mark.parametrize("image", [(5, 8), (20, 19)])  # On both sides of a switch.
def test_convolution_and_its_gradients_are_those_of_lax(size, stride, image):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, *image, 4))
    kernel = rng.normal(size=(size, size, 4, 5))
    options = {
        "strides": (stride, stride),
        "padding": [(size // 2, size // 2)] * 2,
        "dimension_numbers": _NHWC,
    }
    ours, theirs = (
        jax.vjp(functools.partial(convolve, **options), x, kernel)
        for convolve in (
            functional.convolve,
            lambda x, kernel, strides, padding, **kwargs: jax.lax.conv_general_dilated(
                x, kernel, strides, padding, **kwargs
            ),
        )
    )
    np.testing.assert_allclose(ours[0], theirs[0], rtol=SAME, atol=SAME)
    change = rng.normal(size=ours[0].shape)
    for gradient, expected in zip(ours[1](change), theirs[1](change), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=SAME, atol=SAME)


@pytest.mark.parametrize("options", [{"kernel_dilation": 2}, {"feature_group_count": 2}])
@pytest.mark.parametrize("image", [4, 20])
def test_dilated_and_grouped_convolutions_are_those_of_lax(options, image):
    x = np.random.default_rng(0).normal(size=(2, image, image, 4))
    layer = functools.partial(nn.Conv, 6, (3, 3), dtype=x.dtype, **options)
    ours, theirs = layer(conv_general_dilated=functional.convolve), layer()
    variables = theirs.init(jax.random.key(0), x)
    np.testing.assert_allclose(ours.apply(variables, x), theirs.apply(variables, x), rtol=SAME)


@pytest.mark.parametrize(("size", "image"), [(1, 24), (3, 2), (3, 20), (7, 20)])
def test_a_mapped_axis_acts_as_another_batch_axis(size, image):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 4, image, image, 5))
    kernel = rng.normal(size=(size, size, 5, 6))
    options = {"strides": (2, 2), "padding": ((size // 2, size // 2),) * 2}

    def loss(convolve, x, kernel):
        return (jax.vmap(convolve, (0, None))(x, kernel) ** 2).sum()

    ours, theirs = (
        jax.value_and_grad(functools.partial(loss, convolve), argnums=(0, 1))(x, kernel)
        for convolve in (
            functools.partial(functional.convolve_mapped, **options),
            lambda x, kernel: jax.lax.conv_general_dilated(
                x, kernel, **_renamed(options), dimension_numbers=_NHWC
            ),
        )
    )
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=SAME), ours, theirs)
    with pytest.raises(NotImplementedError, match="one kernel for each entry"):
        kernels = np.stack([kernel] * len(x))
        jax.vmap(functools.partial(functional.convolve_mapped, **options))(x, kernels)


def _renamed(options):
    return {"window_strides": options["strides"], "padding": options["padding"]}


@pytest.mark.parametrize("image", [(1, 1), (4, 6), (7, 5)])
def test_max_pooling_is_that_of_flax_and_its_gradient_goes_to_the_maxima(image):
    x = np.random.default_rng(1).uniform(0.1, 1, (2, *image, 3))

    def theirs(x):
        return nn.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))

    np.testing.assert_array_equal(functional.max_pool(x), theirs(x))
    gradient = jax.grad(lambda x: (functional.max_pool(x) ** 2).sum())(x)
    np.testing.assert_allclose(gradient, jax.grad(lambda x: (theirs(x) ** 2).sum())(x), rtol=SAME)
