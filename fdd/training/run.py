"""An opened run: its config, folder, data, checkpoints, devices and compiled steps."""

import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator

import jax
import ml_collections
import numpy as np

from fdd.data import groups, pipeline
from fdd.data.catalog import LABELS
from fdd.data.records import Dataset
from fdd.devices import parallel
from fdd.errors import UserError
from fdd.runs import prepare, workdir
from fdd.runs.checkpoints import Checkpoints
from fdd.training import config_checks, fakes, fit, fit_evaluation, pretrained, steps
from fdd.training.state import TrainState
from fdd.training.task import Task, create_task


@dataclasses.dataclass(frozen=True)
class Run:
    """An open run.

    Attributes:
        config: Its config.
        folder: Its workdir.
        dataset: Its data.
        checkpoints: Its saved states.
        devices: The devices that it runs on.
        chooses: Whether validation has both classes; otherwise it cannot choose anything.
        num_steps: Steps of the whole run.
        steps_per_epoch: Steps in which as many clips are used as the training split has.
        task: What its steps compute.
        train_step: `fdd.training.steps.train_step`, spread over the devices; donates its first
            argument.
        eval_step: `fdd.training.steps.eval_step`, spread over the devices.
    """

    config: ml_collections.ConfigDict
    folder: pathlib.Path
    dataset: Dataset
    checkpoints: Checkpoints
    devices: parallel.Parallel
    chooses: bool
    num_steps: int
    steps_per_epoch: int
    task: Task
    train_step: Callable[[TrainState, pipeline.Batch], tuple[TrainState, dict[str, jax.Array]]]
    eval_step: Callable[[TrainState, pipeline.Batch], jax.Array]


@contextlib.contextmanager
def open_run(
    config: ml_collections.ConfigDict, folder: pathlib.Path, trains: bool = True
) -> Iterator[Run]:
    """Opens a run, and builds its data set if necessary; a context manager that yields a `Run`.

    Args:
        config: Its config.
        folder: Its workdir.
        trains: Whether it is to take steps, so that they must fit the memory (`fdd.training.fit`).

    Raises:
        UserError: the config, the folder, the memory or the data cannot be used.
    """
    config_checks.check(config)
    if config.freeze_epochs and not config.freeze:
        parallel.say(
            "config.freeze_epochs has no effect, because config.freeze names nothing to freeze"
        )
    config = pretrained.with_normalization(workdir.with_settled(folder, config))
    create_task(config)  # Reports unknown names before the data is built.
    devices = parallel.Parallel(config.parallel)
    config_checks.check_batch(config, devices)
    workdir.check(folder, config)
    if trains:
        config = fit.fitted(config, devices)
    at_once = fit_evaluation.clips_at_once(config, devices)
    dataset = _open_dataset(config)
    together = groups.of_training(dataset, config.data.fakes, config.data.paired)
    num_clips = groups.clips_per_epoch(dataset, together)
    if config.batch_size > num_clips:
        raise UserError(
            f"config.batch_size is {config.batch_size}, and {dataset.folder} has only "
            f"{num_clips} clips to train on"
        )
    chooses = _check_classes(config, dataset, together)
    steps_per_epoch = max(1, num_clips // config.batch_size)
    num_steps = config.num_steps or config.num_epochs * steps_per_epoch
    task = create_task(config, num_steps, steps_per_epoch)
    with contextlib.ExitStack() as stack:
        if parallel.is_main():
            stack.enter_context(workdir.claim(folder, config))
        parallel.barrier("workdir")
        checkpoints = stack.enter_context(Checkpoints(folder / workdir.CHECKPOINTS_DIR))
        yield Run(
            config=config,
            folder=folder,
            dataset=dataset,
            checkpoints=checkpoints,
            devices=devices,
            chooses=chooses,
            num_steps=num_steps,
            steps_per_epoch=steps_per_epoch,
            task=task,
            train_step=devices.compile(functools.partial(steps.train_step, task=task), donate=True),
            eval_step=devices.compile_by_clip(
                functools.partial(steps.eval_step, task=task), most=at_once
            ),
        )


def _open_dataset(config: ml_collections.ConfigDict) -> Dataset:
    """One process builds the data set if necessary; the others wait."""
    dataset = prepare.open_dataset(config.data) if parallel.is_main() else None
    parallel.barrier("data set")
    dataset = dataset or prepare.open_dataset(config.data)
    if missing := {"train", "validation", "test"} - dataset.splits.keys():
        raise UserError(
            f"{dataset.folder} has no clips for {' and '.join(sorted(missing))}; its coverage.csv "
            "says which videos were found, its failures.csv why others gave none"
        )
    return dataset


def _check_classes(
    config: ml_collections.ConfigDict, dataset: Dataset, together: np.ndarray | None
) -> bool:
    """Prints which splits lack what; returns whether validation has both classes."""
    if config.data.fakes != "recorded":
        return _check_fakes(config, dataset, together)
    if together is not None and (lost := groups.without_original(dataset, together)):
        parallel.say(
            f"{lost} fake clips have no genuine clip of their frames: they are not trained on"
        )
    only = {split: _only_class(dataset, split) for split in ("train", "validation", "test")}
    consequences = {
        "train": "the detector can learn nothing",
        "validation": "temperature, threshold and the best checkpoint cannot be chosen; the last "
        "checkpoint will be evaluated, at threshold 0",
        "test": "the report can hold no AUC",
    }
    for split, label in only.items():
        if label is not None:
            text = f"{dataset.folder} has {LABELS[label]} clips only for {split}"
            parallel.say(f"{text}: {consequences[split]}")
    if only["validation"] is not None and config.early_stopping:
        raise UserError(
            "config.early_stopping goes by the validation loss, which says nothing of one class: "
            "--config.early_stopping=0"
        )
    return only["validation"] is None


def _check_fakes(config: ml_collections.ConfigDict, dataset: Dataset, together: np.ndarray) -> bool:
    """Says where fakes come from; then every split has both classes, if it has genuine clips."""
    if config.data.fakes == "both" and (lost := groups.without_original(dataset, together)):
        parallel.say(
            f"{lost} fake clips have no genuine clip of their frames: they are not trained on"
        )
    held = {split: fakes.has_fakes(dataset, split) for split in ("train", "validation", "test")}
    if config.data.fakes == "self_blended" and held.pop("train"):
        parallel.say(
            "the recorded fakes for training are not read (config.data.fakes=self_blended)"
        )
    for split in ("validation", "test"):
        if _only_class(dataset, split) == 1:
            raise UserError(f"{dataset.folder} has fake clips only for {split}")
        if not held[split]:
            parallel.say(f"{dataset.folder} has no fakes for {split}: self-blended ones are scored")
    return True


def _only_class(dataset: Dataset, split: str) -> int | None:
    """The label of a split's clips if it is the same for all; stops at the first other one."""
    records = dataset.source(split)
    labels = (records.jpegs(index)[1] for index in range(len(records)))
    first = next(labels)
    return first if all(label == first for label in labels) else None
