"""The memory of a train step, counted from the program before any compiler optimises it."""

from collections.abc import Iterable, Iterator

import jax
import ml_collections
from jax.extend import core

from fdd.training import steps
from fdd.training.state import TrainState
from fdd.training.task import Task, abstract_state, create_task

_COSTLY = {
    *("dot_general", "conv_general_dilated", "cond", "scan", "while", "sort", "gather", "cumsum"),
    *("reduce_sum", "reduce_max", "psum", "random_bits", "threefry2x32"),
}


def step_bytes(config: ml_collections.ConfigDict, num_devices: int = 1) -> int:
    """Bytes that a train step holds on a device at the same time, the same for every device.

    Counted are the state, the gradients, two batches, what the forward pass of a part of the batch
    stores for the backward pass, and beside it, twice the largest array of that. With `remat`, what
    one block stores is added, since the backward pass computes it again. A compiler may store less,
    by fusing operations, and its convolutions may need memory of their own; neither is counted.

    Args:
        config: The run's config, with its normalisation.
        num_devices: Devices that share a batch.
    """
    task = create_task(config)
    state = abstract_state(task, jax.sharding.SingleDeviceSharding(jax.devices()[0]))
    clips = config.batch_size // num_devices
    stored = _stored(task, state, clips // config.accumulate_steps)
    gradients = _bytes(jax.tree.leaves(state.params)) * (2 if config.accumulate_steps > 1 else 1)
    batches = 2 * _bytes(task.batch(clips).values())
    return _bytes(jax.tree.leaves(state)) + gradients + batches + stored


def _stored(task: Task, state: TrainState, clips: int) -> int:
    """Bytes that the backward pass of some clips needs."""
    model, frozen = (task.model, 0) if task.thaw_step else (task.frozen_model, task.frozen_parts)

    def forward(state: TrainState, batch: steps.Batch) -> jax.Array:
        return steps.loss_of(state, batch, task, model, frozen)(state.params)[0]

    def backward(state: TrainState, batch: steps.Batch) -> object:
        loss = steps.loss_of(state, batch, task, model, frozen)
        return jax.vjp(loss, state.params, has_aux=True)[1]

    def traced(function: object) -> core.ClosedJaxpr:
        one = jax.vmap(function, (None, 0), axis_name=steps.DATA_AXIS)
        return jax.make_jaxpr(one)(state, shapes)

    shapes = {
        name: jax.ShapeDtypeStruct((1, *leaf.shape), leaf.dtype)
        for name, leaf in task.batch(clips).items()
    }
    kept = _results(traced(backward).jaxpr)
    of_blocks = [_results(_backward_of(each)) for each in _blocks(traced(forward).jaxpr)]
    block = max(of_blocks, key=_bytes, default=[])
    largest = max((_bytes([each]) for each in (*kept, *block)), default=0)
    return _bytes(kept) + _bytes(block) + 2 * largest


def _results(program: core.Jaxpr) -> list[jax.core.ShapedArray]:
    """The arrays that have to stay in memory for a program's results, each once.

    What a compiler computes again while it reads (casts, masks, scaled and shifted maps) counts as
    the maps that it is computed from; what the program was given does not count.
    """
    makers = {id(made): each for each in program.eqns for made in each.outvars}
    kept: dict[int, core.Var] = {}
    open_ones = []
    for each in program.outvars:
        maker = makers.get(id(each))
        if maker is not None and maker.primitive.name == "cond":
            # A form for each platform: it stores its arguments, once in each form's shape.
            kept |= {id(given): given for given in maker.invars if id(given) in makers}
        elif maker is not None:
            open_ones.append(each)
    seen = set(kept)
    while open_ones:
        each = open_ones.pop()
        if id(each) in seen or id(each) not in makers:
            continue
        seen.add(id(each))
        maker = makers[id(each)]
        if _is_costly(maker):
            kept[id(each)] = each
        else:
            open_ones += maker.invars
    return [each.aval for each in kept.values()]


def _is_costly(equation: core.JaxprEqn) -> bool:
    """Whether an operation's result is stored, since it is not computed again while it is read."""
    inner = list(core.jaxprs_in_params(equation.params))
    if equation.primitive.name in _COSTLY or not inner:
        return equation.primitive.name in _COSTLY
    return any(_is_costly(each) for program in inner for each in program.eqns)


def _blocks(program: core.Jaxpr) -> Iterator[core.JaxprEqn]:
    """The parts of a program that the backward pass computes again (`jax.checkpoint`)."""
    for equation in program.eqns:
        if equation.primitive.name in ("checkpoint", "remat", "remat2"):
            yield equation
        else:
            for inner in core.jaxprs_in_params(equation.params):
                yield from _blocks(inner)


def _backward_of(block: core.JaxprEqn) -> core.Jaxpr:
    """The program that returns what the backward pass of a block needs."""
    inner = block.params["jaxpr"]

    def backward(*given: jax.Array) -> object:
        return jax.vjp(core.jaxpr_as_fun(core.ClosedJaxpr(inner, ())), *given)[1]

    shapes = [jax.ShapeDtypeStruct(each.aval.shape, each.aval.dtype) for each in inner.invars]
    return jax.make_jaxpr(backward)(*shapes).jaxpr


def _bytes(arrays: Iterable[jax.core.ShapedArray | jax.ShapeDtypeStruct]) -> int:
    return sum(each.size * each.dtype.itemsize for each in arrays)
