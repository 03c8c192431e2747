"""Training and evaluating a run: the loop, and all its input and output."""

import contextlib
import dataclasses
import functools
import math
import pathlib
from collections.abc import Callable

import jax
import ml_collections
import numpy as np
import tqdm

from fdd import calibration, detector, logs, report, settings, steps, workdir
from fdd.checkpoints import Checkpoints
from fdd.data import pipeline, prepare
from fdd.data.records import Dataset
from fdd.errors import UserError
from fdd.metrics import ClipSums
from fdd.scores import Scores, score
from fdd.state import TrainState, abstract_state, create_state


@dataclasses.dataclass(frozen=True)
class Run:
    """An opened run.

    Attributes:
        config: Its config.
        folder: Its workdir.
        dataset: Its data.
        checkpoints: What it has saved.
        task: What its steps do.
        train_step: Compiled `fdd.steps.train_step`; its first argument is used up.
        eval_step: Compiled `fdd.steps.eval_step`.
    """

    config: ml_collections.ConfigDict
    folder: pathlib.Path
    dataset: Dataset
    checkpoints: Checkpoints
    task: steps.Task
    train_step: Callable[[TrainState, pipeline.Batch], tuple[TrainState, jax.Array]]
    eval_step: Callable[[TrainState, pipeline.Batch], jax.Array]

    @property
    def steps_per_epoch(self) -> int:
        """Steps that take as many clips as the training split has."""
        return max(1, self.dataset.splits["train"] // self.config.batch_size)

    @property
    def num_steps(self) -> int:
        """Steps of the whole run."""
        return self.config.num_steps or self.config.num_epochs * self.steps_per_epoch


@contextlib.contextmanager
def open_run(config: ml_collections.ConfigDict, folder: pathlib.Path):
    """Opens a run, building its data set if need be; a context manager that gives a `Run`.

    Raises:
        UserError: the config, the folder or the data will not do.
    """
    settings.check(config)
    task = steps.create_task(config)
    workdir.check(folder, config)
    dataset = prepare.open_dataset(config.data)
    missing = {"train", "validation", "test"} - dataset.splits.keys()
    if missing:
        raise UserError(
            f"{dataset.folder} has no clips for {' and '.join(sorted(missing))}; its coverage.csv "
            "says which videos were found, its failures.csv why others gave none"
        )
    if config.batch_size > dataset.splits["train"]:
        raise UserError(
            f"config.batch_size is {config.batch_size}, and {dataset.folder} has only "
            f"{dataset.splits['train']} clips to train on"
        )
    workdir.claim(folder, config)
    checkpoints = Checkpoints(folder / workdir.CHECKPOINTS_DIR)
    with contextlib.closing(checkpoints):
        yield Run(
            config,
            folder,
            dataset,
            checkpoints,
            task,
            jax.jit(functools.partial(steps.train_step, task=task), donate_argnums=0),
            detector.compile_eval_step(task),
        )


def train_and_evaluate(config: ml_collections.ConfigDict, folder: pathlib.Path) -> None:
    """Trains, or goes on, evaluates the best checkpoint once on test and writes the report.

    Args:
        config: See `configs/resnet_lstm.py`.
        folder: The run's workdir.

    Raises:
        UserError: the config, the folder or the data will not do, or the loss is not finite.
    """
    with open_run(config, folder) as run:
        if (run.checkpoints.last_step or 0) >= run.num_steps and report.exists(
            folder / workdir.REPORT_DIR
        ):
            print(f"The run in {folder} is finished. (--mode=eval evaluates it again.)")
            print(report.read(folder / workdir.REPORT_DIR))
            return
        train(run)
        evaluate(run)


def evaluate_again(config: ml_collections.ConfigDict, folder: pathlib.Path) -> None:
    """Evaluates the best checkpoint of a run on test and writes the report anew.

    Raises:
        UserError: as `train_and_evaluate`, or there is no checkpoint.
    """
    with open_run(config, folder) as run:
        evaluate(run)


def train(run: Run) -> None:
    """Trains from the last checkpoint, or from the start, to the run's last step.

    Raises:
        UserError: the loss is not finite.
    """
    config = run.config
    start = run.checkpoints.last_step or 0
    state = _restore_or_create(run, start)
    batches = pipeline.train_batches(
        run.dataset,
        batch_size=config.batch_size,
        start_step=start,
        num_steps=run.num_steps,
        seed=config.seed,
        balanced=config.balanced,
        num_workers=config.num_workers,
    )
    log = logs.MetricsLog(run.folder, start)
    bar = tqdm.tqdm(total=run.num_steps, initial=start, desc="Training", unit="step")
    bar.set_postfix_str("compiling")
    with contextlib.closing(batches), contextlib.closing(log), bar:
        loss = None
        for step, batch in enumerate(batches, start + 1):
            previous = loss
            state, loss = run.train_step(state, batch)
            # The step before is looked at, so that the device need not wait for the host.
            _require_finite(previous, step - 1, run)
            bar.update()
            due = step % (config.eval_every_steps or run.steps_per_epoch) == 0
            if due or step % config.log_every_steps == 0 or step == run.num_steps:
                _require_finite(loss, step, run)
                metrics = state.sums.compute()
                state = state.replace(sums=ClipSums.zeros())
                log.write(step, step / run.steps_per_epoch, "train", metrics)
                bar.set_postfix(loss=f"{metrics['loss']:.3f}")
            if due or step == run.num_steps:
                bar.set_postfix_str("validating")
                scores = score(run.eval_step, state, run.dataset, "validation", config.batch_size)
                validation = _validation_metrics(scores)
                _require_finite(validation["loss"], step, run)
                log.write(step, step / run.steps_per_epoch, "validation", validation)
                bar.set_postfix(validation_loss=f"{validation['loss']:.3f}")
                meta = _meta(run, scores)
                run.checkpoints.save(step, state, meta, {"loss": validation["loss"]})


def evaluate(run: Run) -> None:
    """Scores the test split with the best checkpoint, writes the report and prints its table.

    Raises:
        UserError: there is no checkpoint.
    """
    run.checkpoints.wait()
    best = detector.from_checkpoints(run.config, run.task, run.checkpoints, run.folder)
    size, frames = run.config.batch_size, run.config.eval_frames
    scores = score(best.eval_step, best.state, run.dataset, "test", size, frames)
    out, history = run.folder / workdir.REPORT_DIR, logs.read_metrics(run.folder)
    notes = report.control_note(frames)
    report.write(out, run.folder.name, best, run.dataset, scores, history, notes)
    print(report.read(out))


def _validation_metrics(scores: Scores) -> dict[str, float | None]:
    summary = scores.summary()
    loss = summary["clip"]["log_loss"]
    return {
        "loss": math.nan if loss is None else loss,
        "accuracy": summary["clip"]["accuracy"],
        "video_accuracy": summary["video"]["accuracy"],
        "video_auc": summary["video"]["auc"],
    }


def _restore_or_create(run: Run, step: int) -> TrainState:
    shape = detector.clip_shape(run.config)
    if not step:
        return create_state(run.task.model, run.task.optimizer, shape, seed=run.config.seed)
    stored = run.checkpoints.meta(step)["fingerprint"]
    if stored != run.dataset.fingerprint:
        raise UserError(
            f"the checkpoints in {run.folder} were trained on clips cut differently (fingerprint "
            f"{stored}, the data set's is {run.dataset.fingerprint}): choose another --workdir"
        )
    print(f"Going on after step {step} of {run.num_steps}.")
    abstract = abstract_state(run.task.model, run.task.optimizer, shape)
    return run.checkpoints.restore(step, abstract)


def _meta(run: Run, validation: Scores) -> dict[str, object]:
    videos = validation.by_video()
    return {
        "calibration": dataclasses.asdict(calibration.fit(videos.labels, videos.logits)),
        "config": workdir.plain(run.config),
        "fingerprint": run.dataset.fingerprint,
        "preprocessing": run.dataset.preprocessing,
    }


def _require_finite(loss: jax.Array | float | None, step: int, run: Run) -> None:
    if loss is None or math.isfinite(float(np.asarray(loss))):
        return
    last = run.checkpoints.last_step
    good = f"the last good checkpoint is that of step {last}" if last else "there is no checkpoint"
    raise UserError(f"the loss of step {step} is {float(np.asarray(loss))}; {good} ({run.folder})")
