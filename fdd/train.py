"""Training and evaluating a run: the loop, and all its input and output."""

import contextlib
import dataclasses
import functools
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import ml_collections
import tqdm

from fdd import report
from fdd.data import pipeline
from fdd.devices import parallel
from fdd.errors import UserError
from fdd.evaluation import calibration
from fdd.evaluation.metrics import ClipSums
from fdd.evaluation.scores import Scores, score
from fdd.inference import detector
from fdd.runs import trained_on, workdir
from fdd.runs.vetting import not_finite
from fdd.system import preemption
from fdd.training import finite, logs, pretrained, steps
from fdd.training.features import cached
from fdd.training.run import Run, open_run
from fdd.training.speed import SpeedMeter, tracing
from fdd.training.state import TrainState, abstract_state, create_state


def train_and_evaluate(
    config: ml_collections.ConfigDict,
    folder: pathlib.Path,
    profile: tuple[int, int] | None = None,
) -> None:
    """Trains, or goes on, evaluates the best checkpoint once on test and writes the report.

    Args:
        config: See `configs/resnet_lstm.py`.
        folder: The run's workdir.
        profile: See `train`.

    Raises:
        UserError: the config, the folder or the data will not do, or a value is not finite.
        fdd.system.preemption.Preempted: see `train`.
    """
    with open_run(config, folder) as run:
        if _is_finished(run) and report.exists(folder / workdir.REPORT_DIR):
            trained_on.check(report.metrics(folder / workdir.REPORT_DIR), run.dataset, folder)
            print(f"The run in {folder} is finished. (--mode=eval evaluates it again.)")
            print(report.read(folder / workdir.REPORT_DIR))
            return
        train(run, profile)
        evaluate(run)


def evaluate_again(config: ml_collections.ConfigDict, folder: pathlib.Path) -> None:
    """Evaluates the best checkpoint of a run on test and writes the report anew.

    Raises:
        UserError: as `train_and_evaluate`, or there is no checkpoint.
    """
    with open_run(config, folder) as run:
        evaluate(run)


def train(run: Run, profile: tuple[int, int] | None = None) -> None:
    """Trains from the last checkpoint, or from the start, to the run's last step.

    Args:
        run: The run.
        profile: The first step to record for a profiler, and the step to stop before; the trace
            goes to the folder profile/ of the workdir.

    Raises:
        UserError: a value is not finite, a record cannot be read, or a file cannot be written.
        fdd.system.preemption.Preempted: SIGTERM came; the state is saved.
    """
    config = run.config
    start, state, history = _restore_or_create(run)
    losses = [record["loss"] for record in history if record["split"] == "validation"]
    if _stops_early(losses, config.early_stopping):
        return
    if profile and not start < profile[0] <= run.num_steps:
        raise UserError(
            f"--profile={profile[0]}:{profile[1]} begins at no step that will be taken: those are "
            f"{start + 1} to {run.num_steps}"
        )
    features = dict.fromkeys(("train", "validation"))
    if config.cache_features:
        encode_step = run.devices.compile(functools.partial(steps.encode_step, task=run.task))
        for split in features:
            features[split] = cached(
                run.folder,
                encode_step,
                state,
                run.task.model,
                run.dataset,
                split,
                config.batch_size,
            )
    batches = pipeline.train_batches(
        run.dataset,
        batch_size=config.batch_size,
        start_step=start,
        num_steps=run.num_steps,
        seed=config.seed,
        balanced=config.balanced,
        num_workers=config.num_workers,
        share=pipeline.Share(jax.process_index(), jax.process_count()),
        features=features["train"],
    )
    main = parallel.is_main()
    log = logs.MetricsLog(run.folder, history, start) if main else logs.NoLog()
    bar = tqdm.tqdm(
        total=run.num_steps, initial=start, desc="Training", unit="step", disable=not main
    )
    bar.set_postfix_str("compiling")
    speed = SpeedMeter(config.batch_size)
    with (
        contextlib.closing(batches),
        contextlib.closing(log),
        tracing(run.folder / "profile", profile) as trace,
        preemption.watch(run.checkpoints.preempted) as preempted,
        bar,
    ):
        info = None
        for step, batch in enumerate(speed.watch(batches), start + 1):
            trace(step)
            previous = info
            state, info = run.train_step(state, batch)
            if previous:
                # The step before is looked at, so that the device need not wait for the host.
                _require_finite(previous, step - 1, run)
            bar.update()
            epoch = step / run.steps_per_epoch
            last = step == run.num_steps
            due = last or _is_due(step, config.eval_every_steps or run.steps_per_epoch)
            if due or _is_due(step, config.log_every_steps):
                _require_finite(info, step, run)
                metrics = _training_metrics(state, info, run, step)
                zeros = ClipSums.zeros(run.task.model.dtype)
                state = state.replace(sums=jax.device_put(zeros, run.devices.replicated))
                log.write(step, epoch, "train", metrics)
                log.write_speed(step, speed.read())
                bar.set_postfix(loss=f"{metrics['loss']:.3f}")
            scores = None
            if due:
                bar.set_postfix_str("validating")
                with speed.pause():
                    scores = score(
                        run.eval_step,
                        state,
                        run.dataset,
                        "validation",
                        config.batch_size,
                        features=features["validation"],
                    )
                validation = {**_validation_metrics(scores), **_penalty(state, run)}
                losses.append(validation["loss"])
                _require_finite({"validation loss": validation["loss"]}, step, run)
                log.write(step, epoch, "validation", validation)
                bar.set_postfix(validation_loss=f"{validation['loss']:.3f}")
            stop = preempted(step) and not last
            if due or stop or _is_due(step, config.checkpoint_every_steps):
                with speed.pause():
                    meta = _meta(run, scores, log.history)
                    quality = {"loss": validation["loss"]} if due and run.chooses else None
                    _require_good(state, info, step, run)
                    run.checkpoints.save(step, state, meta, quality)
            if due and _stops_early(losses, config.early_stopping):
                break
            if stop:
                run.checkpoints.wait()
                raise preemption.Preempted(f"stopped after step {step}, which is saved")
    run.checkpoints.wait()


def evaluate(run: Run) -> None:
    """Scores the test split with the best checkpoint, writes the report and prints its table.

    Raises:
        UserError: there is no checkpoint, or the best one is damaged.
    """
    run.checkpoints.wait()
    best = detector.from_checkpoints(run.config, run.task, run.checkpoints, run.folder, run.devices)
    trained_on.check(best.trained_on, run.dataset, run.folder)
    size, frames = run.config.batch_size, run.config.eval_frames
    scores = score(best.eval_step, best.state, run.dataset, "test", size, frames)
    if not parallel.is_main():
        return
    out, history = run.folder / workdir.REPORT_DIR, logs.read_metrics(run.folder)
    notes = report.control_note(frames)
    report.write(out, run.folder.name, best, run.dataset, scores, history, notes)
    print(report.read(out))


def _is_finished(run: Run) -> bool:
    step = run.checkpoints.last_step
    if step is None or step >= run.num_steps:
        return step is not None
    history = run.checkpoints.meta(step)["history"]
    losses = [record["loss"] for record in history if record["split"] == "validation"]
    return _stops_early(losses, run.config.early_stopping)


def _is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _training_metrics(
    state: TrainState, info: dict[str, jax.Array], run: Run, step: int
) -> dict[str, float]:
    """Means since the last record, and what the step itself saw."""
    return {
        **state.sums.compute(),
        **_penalty(state, run),
        "learning_rate": float(run.task.learning_rate(step - 1)),
        "gradient_norm": float(info["gradient_norm"]),
    }


def _penalty(state: TrainState, run: Run) -> dict[str, float]:
    """What training adds to the loss, if anything."""
    weight = run.config.l2_lstm_kernel
    return {"penalty": float(steps.penalty(state.params, run.task))} if weight else {}


def _stops_early(losses: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` validations brought no lower loss than those before."""
    return 0 < patience < len(losses) and min(losses[-patience:]) >= min(losses[:-patience])


def _validation_metrics(scores: Scores) -> dict[str, float | None]:
    summary = scores.summary()
    loss = summary["clip"]["log_loss"]
    return {
        "loss": math.nan if loss is None else loss,
        "accuracy": summary["clip"]["accuracy"],
        "video_accuracy": summary["video"]["accuracy"],
        "video_auc": summary["video"]["auc"],
    }


def _restore_or_create(run: Run) -> tuple[int, TrainState, list[logs.Record]]:
    """The step to go on after, the state then, and the records of metrics.jsonl up to then."""
    recipe, place = detector.recipe(run.config, run.task), run.devices.replicated
    restored = run.checkpoints.restore_last(abstract_state(recipe, place))
    if restored is None:
        model = run.config.model

        def change(drawn: Any) -> Any:
            return pretrained.load(model.pretrained, run.task.model, drawn, model.version)

        return 0, create_state(recipe, run.config.seed, place, change), []
    step, state, meta = restored
    trained_on.check(meta, run.dataset, run.folder)
    if "data_set" not in meta:
        print("The checkpoint is of an older version and does not say on which data set it is.")
    print(f"Going on after step {step} of {run.num_steps}.")
    return step, state, meta["history"]


def _meta(run: Run, validation: Scores | None, history: list[logs.Record]) -> dict[str, Any]:
    meta = {
        "config": workdir.plain(run.config),
        **trained_on.facts(run.dataset),
        "history": history,
    }
    if validation is not None:
        videos = validation.by_video()
        fitted = calibration.fit(videos.labels, videos.logits)
        meta["calibration"] = dataclasses.asdict(fitted)
    return meta


def _require_finite(values: Mapping[str, Any], step: int, run: Run) -> None:
    """Sees that loss and gradient, or what else is given by name, are finite."""
    last = run.checkpoints.last_step
    good = f"the last good checkpoint is that of step {last}" if last else "there is no checkpoint"
    named = {name.replace("_", " "): value for name, value in values.items()}
    finite.require(named, step, f"{good} ({run.folder})", run.config)


def _require_good(state: TrainState, info: Mapping[str, Any], step: int, run: Run) -> None:
    """Sees that a step may be saved: all that it gave is finite."""
    _require_finite(info, step, run)
    if name := not_finite(state):
        _require_finite({f"value of {name}": math.nan}, step, run)
