"""How many clips a run scores at a time, planned before its data set is built."""

import functools

import jax
import ml_collections

from fdd.devices import memory, parallel
from fdd.training import fit, steps
from fdd.training.state import inference_state
from fdd.training.task import abstract_state, create_task


def clips_at_once(config: ml_collections.ConfigDict, devices: parallel.Parallel) -> int:
    """The clips of a validation or test batch that fit into the free memory at a time.

    A train step may take its batch in parts, but a batch to score has no backward pass, so each has
    its own number. The program is compiled for the device, unless a rough upper bound fits. Scores
    do not depend on the number beyond rounding.

    Args:
        config: The run's config, with its normalisation.
        devices: The devices that it runs on.

    Returns:
        `config.batch_size`, or half of it as often as needed, down to one clip on each device. A
        line says so. With several processes, which must do the same, always the whole batch.
    """
    free, whole = memory.free(), config.batch_size
    if free is None or config.cache_features or jax.process_count() > 1:
        return whole
    if fit.upper_bound(config, devices.mesh.size) <= free.bytes:
        return whole
    clips = whole
    while (need := needed(config, devices, clips)) is not None and need > free.bytes:
        smaller = clips // 2 // devices.mesh.size * devices.mesh.size
        if not smaller:
            break
        clips = smaller
    if clips < whole:
        parallel.say(
            f"scoring {whole} clips at a time takes more than what is free {free.where}, "
            f"{memory.gib(free.bytes)}: taking {clips}"
        )
    return clips


def needed(config: ml_collections.ConfigDict, devices: parallel.Parallel, clips: int) -> int | None:
    """Bytes that scoring some clips needs on a device, beside the state of training.

    One more batch is on the device at the same time.

    Returns:
        The bytes; None if the compiler reports nothing.
    """
    task = create_task(config)
    state = abstract_state(task, devices.replicated)
    scored = inference_state({"params": state.params, "batch_stats": state.batch_stats})
    frames = task.batch(clips)["frames"]
    step = functools.partial(steps.eval_step, task=task)
    found = memory.needed(devices.lower(step, scored, {"frames": frames}).compile())
    if found is None:
        return None
    held = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    return found + held + frames.size * frames.dtype.itemsize // devices.mesh.size
