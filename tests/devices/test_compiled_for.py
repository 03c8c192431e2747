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


def _convolutions(program):
    """The different convolutions; equal ones of several layers may share a function."""
    lines = (line for line in program.splitlines() if "stablehlo.convolution" in line)
    return {re.sub(r".*\) dim_numbers| loc\(.*", "", line) for line in lines}


@pytest.fixture
def training(config):
    """A train step of one device, its state and a batch, as shapes."""

    def make(**settings):
        config.model.mean, config.model.std = (127.5,) * 3, (64.0,) * 3
        config.update(settings)
        task = create_task(config)
        state = jax.eval_shape(lambda key: task.state(task.variables(key)), jax.random.key(0))
        batch = next(on_devices.batches(1, slice(0, 4)))
        train = functools.partial(steps.train_step, task=task)

        def step(state, batch):
            one = jax.vmap(train, (None, 0), axis_name="data")
            return one(state, {name: array[None] for name, array in batch.items()})

        return step, state, batch

    return make


def test_a_program_for_cuda_that_a_cpu_lowers_has_ordinary_convolutions(training):
    """Of the stem and of a 3 × 3, of their kernels' gradients, and of a map's gradient.

    A second 3 × 3 has the same shapes; 1 × 1 are products.
    """
    for_cuda, for_cpu = (_program(*training(), platform) for platform in ("cuda", "cpu"))
    found = _convolutions(for_cuda)
    assert len(found) == 2 + 2 + 1
    assert all("feature_group_count = 1 " in each for each in found)
    assert all("batch_group_count = 1 " in each for each in found)
    # On a CPU the kernels' gradients are products.
    gradients = {each for each in found if " = [f, 0, 1, b]x[i, 0, 1, o]->" in each}
    assert len(gradients) == 2
    assert found - _convolutions(for_cpu) == gradients


def test_a_program_for_cuda_calls_nothing_on_the_host(training):
    """Nor any other function that is not of the compiler; a callback would show, as the last does.

    Parts of a batch are one loop of the device.
    """
    assert "custom_call" not in _program(*training(accumulate_steps=2), "cuda")

    def printing(x):
        jax.debug.print("{}", x)
        return x

    assert "custom_call" in jax.jit(printing).lower(np.float32(0)).as_text()


def test_convolutions_for_cuda_are_of_the_configs_precision(training):
    for precision, name in (("bfloat16", "bf16"), ("float32", "f32")):
        found = _convolutions(_program(*training(precision=precision), "cuda"))
        types = {kind for each in found for kind in re.findall(r"x([a-z]+[0-9]+)>", each)}
        assert types == {name}, precision


@pytest.mark.parametrize(
    ("encoder", "changes", "maps"),
    [
        (
            "resnet_tiny",
            {},
            r"1x40x8x8x\d+x",
        ),  # What 1 × 1 convolutions are given, all frames at once.
        ("clip_vit_tiny", {"tune": "layer_norm"}, "1x10x4x17x(8|32)x"),  # 17 tokens to a frame.
    ],
)
def test_products_of_maps_for_cuda_are_of_the_configs_precision(
    config, training, encoder, changes, maps
):
    """Forward and backward, without what a step of that network calls on the host."""
    config.model.encoder = encoder
    for precision, name in (("bfloat16", "bf16"), ("float32", "f32")):
        program = _program(*training(precision=precision, **changes), "cuda")
        products = re.findall(r"dot_general.* : \((.*?)\) ->", program)
        found = [each for each in products if re.match(f"tensor<{maps}[a-z]", each)]
        types = {kind for each in found for kind in re.findall(r"x([a-z]+[0-9]+)>", each)}
        assert types == {name}, precision
        assert "custom_call" not in program


def test_both_forms_are_in_a_program_for_both():
    x, kernel = np.ones((2, 8, 8, 3), np.float32), np.ones((3, 3, 3, 5), np.float32)
    convolve = functools.partial(convolution.convolve, strides=(1, 1), padding=((1, 1), (1, 1)))
    both = jax.export.export(jax.jit(convolve), platforms=["cpu", "cuda"])(x, kernel)
    assert both.mlir_module().count("stablehlo.convolution") >= 1
    expected = jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_array_equal(both.call(x, kernel), expected)
