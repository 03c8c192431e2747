"""The forms of convolutions are chosen by the platform that a program is compiled for."""

import functools
import re

import jax
import jax.export
import numpy as np
import pytest

from fdd.devices import convolution
from fdd.training import steps
from fdd.training.task import create_task
from tests import on_devices


def _program(step, state, batch, platform):
    lowered = jax.export.export(jax.jit(step), platforms=[platform])(state, batch)
    return lowered.mlir_module()


@pytest.fixture
def training(config):
    """A train step of one device, its state and a batch, as shapes."""
    config.model.mean, config.model.std = (127.5,) * 3, (64.0,) * 3
    task = create_task(config)
    state = jax.eval_shape(lambda key: task.state(task.variables(key)), jax.random.key(0))
    batch = next(on_devices.batches(1, slice(0, 4)))

    def step(state, batch):
        one = jax.vmap(functools.partial(steps.train_step, task=task), (None, 0), axis_name="data")
        return one(state, {name: array[None] for name, array in batch.items()})

    return step, state, batch


def test_a_program_for_cuda_that_a_cpu_lowers_has_ordinary_convolutions(training):
    """Those of 3 layers, of their kernels' gradients and 2 maps' gradients; 1 × 1 are products."""
    for_cuda, for_cpu = (_program(*training, platform) for platform in ("cuda", "cpu"))
    assert for_cuda.count("stablehlo.convolution") == 3 + 3 + 2
    assert "callback" not in for_cuda
    # A CPU's forms cut neighbourhoods out of the maps; the stem alone takes 49 of them.
    cuts = [len(re.findall("stablehlo.slice|dynamic_slice", text)) for text in (for_cuda, for_cpu)]
    assert cuts[0] < cuts[1] / 3


def test_both_forms_are_in_a_program_for_both():
    x, kernel = np.ones((2, 8, 8, 3), np.float32), np.ones((3, 3, 3, 5), np.float32)
    convolve = functools.partial(convolution.convolve, strides=(1, 1), padding=((1, 1), (1, 1)))
    both = jax.export.export(jax.jit(convolve), platforms=["cpu", "cuda"])(x, kernel)
    assert both.mlir_module().count("stablehlo.convolution") >= 1
    expected = jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_array_equal(both.call(x, kernel), expected)
