"""A trained detector: the best checkpoint of a run, ready to score clips."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import ml_collections

from fdd import steps, workdir
from fdd.calibration import Calibration
from fdd.checkpoints import Checkpoints
from fdd.errors import UserError
from fdd.parallel import Parallel
from fdd.state import Recipe, TrainState, abstract_state


@dataclasses.dataclass(frozen=True)
class Detector:
    """What scoring needs.

    Attributes:
        config: The run's config.
        task: What its steps do.
        state: The best checkpoint's parameters and statistics.
        eval_step: `fdd.steps.eval_step`, spread over the devices.
        calibration: Fitted on validation.
        step: The step the checkpoint is of.
        fingerprint: Of the preprocessing it was trained with.
    """

    config: ml_collections.ConfigDict
    task: steps.Task
    state: TrainState
    eval_step: Callable[[TrainState, Any], jax.Array]
    calibration: Calibration
    step: int
    fingerprint: str


def clip_shape(config: ml_collections.ConfigDict) -> tuple[int, int, int, int]:
    """(frames, height, width, channels) of a config's clips."""
    size = config.data.image_size
    return (config.data.num_frames, size, size, 3)


def recipe(config: ml_collections.ConfigDict, task: steps.Task) -> Recipe:
    """How the states of a run are made."""
    average = bool(config.ema_decay)
    return Recipe(task.model, task.optimizer, clip_shape(config), average)


def load(folder: pathlib.Path) -> Detector:
    """Loads the best checkpoint of the run in `folder`.

    Raises:
        UserError: there is no run, it has no checkpoint yet, or its best one is damaged.
    """
    config = workdir.stored_config(folder)
    devices = Parallel(config.parallel)
    devices.check_batch_size(config.batch_size)
    checkpoints = Checkpoints(folder / workdir.CHECKPOINTS_DIR)
    try:
        return from_checkpoints(config, steps.create_task(config), checkpoints, folder, devices)
    finally:
        checkpoints.close()


def from_checkpoints(
    config: ml_collections.ConfigDict,
    task: steps.Task,
    checkpoints: Checkpoints,
    folder: pathlib.Path,
    devices: Parallel,
) -> Detector:
    """Loads the best of some checkpoints onto devices; see `load`.

    Raises:
        UserError: there is none, or it is damaged.
    """
    step = checkpoints.best_step
    if step is None:
        raise UserError(f"{folder} has no checkpoint to evaluate: train first")
    meta = checkpoints.meta(step)
    abstract = abstract_state(recipe(config, task), devices.replicated)
    state = checkpoints.restore(step, abstract)
    eval_step = devices.compile(functools.partial(steps.eval_step, task=task))
    fitted = Calibration(**meta["calibration"])
    return Detector(config, task, state, eval_step, fitted, step, meta["fingerprint"])
