"""What self-blending costs, and what it looks like."""

import contextlib
import functools
import itertools
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from fdd.benchmarks import network, timing
from fdd.benchmarks.steps import random_batch
from fdd.data import groups, pipeline
from fdd.data.records import Dataset
from fdd.report import figures
from fdd.report.errors import Strip
from fdd.runs import prepare
from fdd.training import blending, config_checks, steps
from fdd.training.task import create_state

_SHOWN = 1  # Clips of each family in the picture.


def measure_blend(
    config: ml_collections.ConfigDict, repeats: int, picture: pathlib.Path | None = None
) -> dict[str, Any]:
    """Times train steps with and without self-blending, in turn.

    Args:
        config: Gives network, precision, batch size and devices; with `picture` also the data set,
            which is built if necessary.
        repeats: Number of timed steps of each kind.
        picture: An image file to write: genuine clips and a fake of each, by family.

    Returns:
        'device', 'devices', 'batch_size', 'clip' (frames, height, width); `timing.summary` of a
        step's 'seconds_recorded' and 'seconds_self_blended', and 'ratio' of their medians.

    Raises:
        UserError: the config cannot be used, or the data set has no landmarks.
    """
    if picture:
        _draw(picture, config)
    works = {fakes: _step(config, fakes) for fakes in ("recorded", "self_blended")}
    seconds = _in_turn(works, repeats)
    medians = {kind: timing.summary(each)["median"] for kind, each in seconds.items()}
    size = config.data.image_size
    return {
        "kind": "blend",
        **timing.device(),
        "batch_size": config.batch_size,
        "clip": [config.data.num_frames, size, size],
        **{f"seconds_{kind}": timing.summary(each) for kind, each in seconds.items()},
        "ratio": medians["self_blended"] / medians["recorded"],
    }


def _step(config: ml_collections.ConfigDict, fakes: str) -> Callable[[], Any]:
    """A function that takes a train step on random clips."""
    config = config.copy_and_resolve_references()
    config.data.fakes = fakes
    config, devices, task = network.opened(config)
    config_checks.check_batch(config, devices)
    state = create_state(task, config.seed, devices.replicated)
    batch = random_batch(task, config.batch_size)
    run = devices.compile(functools.partial(steps.train_step, task=task), donate=True)

    def work() -> Any:
        nonlocal state
        state, info = run(state, batch)
        return info

    return work


def _in_turn(works: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Seconds of calls in turn, so that all meet the same load; the first two of each warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(2 + repeats):
        for name, work in works.items():
            start = time.perf_counter()
            jax.block_until_ready(work())
            seconds[name].append(time.perf_counter() - start)
    return {name: each[2:] for name, each in seconds.items()}


def _draw(path: pathlib.Path, config: ml_collections.ConfigDict) -> None:
    """Draws genuine clips of the training split, and a fake of each, by family."""
    frames, landmarks = _genuine(prepare.open_dataset(config.data), config.seed)
    blend, shown = jax.jit(blending.self_blend), []
    for family in blending.FAMILIES:
        only = {name: float(name == family) for name in blending.FAMILIES}
        settings = blending.Settings(**{**config.blend, **only})
        keys = jax.random.split(jax.random.key(config.seed), len(frames))
        pair = blend(keys, frames, landmarks, settings)
        for genuine, fake in zip(np.asarray(pair.target), np.asarray(pair.blended), strict=True):
            shown += [Strip(f"{family}: genuine", genuine), Strip(f"{family}: fake", fake)]
    figures.strips(path, shown)


def _genuine(dataset: Dataset, seed: int) -> Sequence[np.ndarray]:
    """Frames and landmarks of some genuine clips of different videos."""
    together = groups.of_training(dataset, "self_blended", paired=True)
    rows = dataset.metadata("train")
    of_videos = {rows[number]["video_id"]: number for number in together[::-1, 0]}
    chosen = np.array(list(itertools.islice(of_videos.values(), _SHOWN)))[:, None]
    batches = pipeline.train_batches(
        dataset,
        batch_size=2 * len(chosen),
        start_step=0,
        num_steps=1,
        seed=seed,
        balanced=False,
        landmarks=True,
        together=chosen,
    )
    with contextlib.closing(batches):
        batch = next(batches)
    return batch["frames"], batch["landmarks"]
