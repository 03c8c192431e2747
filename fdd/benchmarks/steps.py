"""How fast train and evaluation steps are, and what fraction of the device's peak they reach."""

import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import ml_collections
import numpy as np

from fdd.benchmarks import network, timing
from fdd.data import pipeline
from fdd.errors import UserError
from fdd.runs import prepare
from fdd.training import batches, config_checks, steps
from fdd.training.speed import SpeedMeter
from fdd.training.state import TrainState
from fdd.training.task import Task, create_state
from fdd.video import alignment


def measure_steps(kind: str, config: ml_collections.ConfigDict, repeats: int) -> dict[str, Any]:
    """Times steps of a config's network with random weights.

    Args:
        kind: 'train' or 'forward'.
        config: Gives network, precision, batch size and devices.
        repeats: Steps to time.

    Returns:
        'device', 'devices', 'batch_size', 'clip' (frames, height, width), 'precision';
        'compile_seconds', with the first step; 'seconds' of a step on clips in the host's memory
        (`timing.summary`); 'clips_per_second'; 'flops_per_step' as the compiler counts them before
        optimising; 'flops_per_second'; 'matmul_flops_per_second', which a large matrix product
        reaches on the same number of devices; 'fraction_of_matmul'; 'fraction_of_datasheet';
        'bytes_per_step' moved, as the compiler counts them; 'copy_bytes_per_second' and
        'fraction_of_bandwidth'; 'memory_peak_gib'. For 'train' also 'on_data', from `_on_data`.

    Raises:
        UserError: the config cannot be used.
    """
    config, devices, task = network.opened(config)
    config_checks.check_batch(config, devices)
    state = create_state(task, config.seed, devices.replicated)
    batch = random_batch(task, config.batch_size)
    if kind == "forward":
        batch = {"frames": batch["frames"]}
    step = functools.partial(steps.train_step if kind == "train" else steps.eval_step, task=task)
    lowered = devices.lower(step, state, batch)
    run = devices.compile(step, donate=kind == "train")

    def work() -> Any:
        nonlocal state
        if kind == "forward":
            return run(state, batch)
        state, info = run(state, batch)
        return info

    found = {
        "kind": kind,
        **timing.device(),
        "batch_size": config.batch_size,
        "clip": list(task.clip_shape[:3]),
        "precision": config.precision,
        **_timed(work, repeats),
    }
    seconds = found["seconds"]["median"]
    found["clips_per_second"] = config.batch_size / seconds
    found |= _fractions(lowered, config.precision, seconds)
    if kind == "train":
        found["on_data"] = _on_data(config, run, state, batch, repeats)
    return found


def _timed(work: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """Seconds of the first call, which compiles, and of later ones, and the memory they took."""
    start = time.perf_counter()
    jax.block_until_ready(work())
    compile_seconds = time.perf_counter() - start
    seconds = timing.summary(timing.repeat(work, repeats, warm_up=1))
    return {
        "compile_seconds": compile_seconds,
        "seconds": seconds,
        "memory_peak_gib": timing.memory_peak_gib(),
    }


def random_batch(task: Task, size: int) -> pipeline.Batch:
    """What a train step on this number of clips is given, drawn at random; see `Task.batch`."""
    rng = np.random.default_rng(0)
    shapes = task.batch(size)
    (rows,) = shapes["label"].shape
    batch = {
        "frames": rng.integers(0, 256, shapes["frames"].shape, np.uint8),
        "label": (np.arange(rows) % 2).astype(np.float32),
        "position": np.arange(0, size, size // rows, dtype=np.int32),
    }
    if "landmarks" in shapes:
        face = alignment.on_template(1.3, task.clip_shape[1])
        batch["landmarks"] = np.broadcast_to(face, shapes["landmarks"].shape).astype(np.float32)
    return batch


def _fractions(lowered: jax.stages.Lowered, precision: str, seconds: float) -> dict[str, Any]:
    """A step's operations and bytes on all devices, relative to the devices' peaks."""
    count = jax.device_count()
    flops = count * lowered.cost_analysis()["flops"]  # Of a device's shard.
    moved = count * lowered.compile().cost_analysis()["bytes accessed"]
    best, copied = count * timing.matmul_flops(precision), count * timing.copy_bytes()
    datasheet = timing.datasheet_flops(precision)
    return {
        "flops_per_step": flops,
        "flops_per_second": flops / seconds,
        "matmul_flops_per_second": best,
        "fraction_of_matmul": flops / seconds / best,
        "fraction_of_datasheet": datasheet and flops / seconds / (count * datasheet),
        "bytes_per_step": moved,
        "copy_bytes_per_second": copied,
        "fraction_of_bandwidth": moved / seconds / copied,
    }


def _on_data(
    config: ml_collections.ConfigDict,
    run: Any,
    state: TrainState,
    batch: pipeline.Batch,
    repeats: int,
) -> dict[str, Any]:
    """Times steps on records, as in training, between steps on one batch in memory.

    Returns:
        {'seconds_per_step', 'clips_per_second', 'input_wait': the fraction of the time that steps
        waited for clips, 'ratio': to the mean time on the batch in memory, over the same number of
        steps before and after}; or {'not_measured': why}.
    """
    try:
        dataset = prepare.open_dataset(config.data)
    except UserError as error:
        return {"not_measured": str(error)}

    def steps_on(given: Iterator[pipeline.Batch]) -> dict[str, float]:
        nonlocal state
        for clips in itertools.islice(given, 2):  # Warms up.
            state, info = run(state, clips)
        jax.block_until_ready(info)
        speed = SpeedMeter(config.batch_size)
        for clips in speed.watch(itertools.islice(given, repeats)):
            state, info = run(state, clips)
        jax.block_until_ready(info)
        return speed.read()

    # So many steps that prefetching continues to the end.
    records = batches.of(config, dataset, 0, 2 * repeats + 12)
    before = steps_on(itertools.repeat(batch))
    with contextlib.closing(records):
        read = steps_on(records)
    after = steps_on(itertools.repeat(batch))
    seconds = 1 / read["steps_per_second"]
    synthetic = (1 / before["steps_per_second"] + 1 / after["steps_per_second"]) / 2
    return {
        "seconds_per_step": seconds,
        "clips_per_second": read["clips_per_second"],
        "input_wait": read["input_wait"],
        "ratio": seconds / synthetic,
    }
