"""The training loop: steps, and at intervals records, validation and checkpoints."""

import contextlib
import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import tqdm

from fdd.data import pipeline
from fdd.devices import parallel
from fdd.evaluation import calibration
from fdd.evaluation.metrics import ClipSums
from fdd.evaluation.scores import Scores, score
from fdd.runs import trained_on, workdir
from fdd.runs.checkpoint_checks import not_finite
from fdd.system import preemption
from fdd.training import batches, fakes, finite, logs
from fdd.training import steps as training_steps
from fdd.training.features import cached
from fdd.training.run import Run
from fdd.training.speed import SpeedMeter, tracing
from fdd.training.state import TrainState, inference_state
from fdd.training.steps import variables_for_evaluation

Info = Mapping[str, jax.Array]


def steps(
    run: Run,
    start: int,
    state: TrainState,
    history: Sequence[logs.Record],
    profile: tuple[int, int] | None = None,
) -> None:
    """Takes the remaining steps of a run, up to the last one or until it stops early.

    Args:
        run: The run.
        start: Number of steps already taken.
        state: The state after them; this function donates it.
        history: The records of metrics.jsonl up to there.
        profile: The first step to record for a profiler, and the step to stop before.

    Raises:
        UserError: a value is not finite, a record cannot be read, or a file cannot be written.
        fdd.system.preemption.Preempted: SIGTERM came; the state is saved.
    """
    features = _features(run, state)
    read = _batches(run, start, features["train"])
    main = parallel.is_main()
    log = logs.MetricsLog(run.folder, history, start) if main else logs.NoLog(history)
    bar = tqdm.tqdm(
        total=run.num_steps, initial=start, desc="Training", unit="step", disable=not main
    )
    bar.set_postfix_str("compiling")
    speed = SpeedMeter(run.config.batch_size)
    records = _Records(run=run, log=log, bar=bar, speed=speed, features=features["validation"])
    with (
        contextlib.closing(read),
        contextlib.closing(log),
        tracing(run.folder / "profile", profile) as trace,
        preemption.watch(run.checkpoints.preempted) as preempted,
        bar,
    ):
        info = None
        for step, batch in enumerate(speed.watch(read), start + 1):
            trace(step)
            previous = info
            state, info = run.train_step(state, batch)
            if previous:
                # The previous step is checked, so that the device need not wait for the host.
                _require_finite(previous, step - 1, run)
            bar.update()
            last = step == run.num_steps
            due = last or _is_due(step, run.config.eval_every_steps or run.steps_per_epoch)
            if due or _is_due(step, run.config.log_every_steps):
                state = records.training(step, state, info)
            scores = records.validation(step, state) if due else None
            stop = preempted(step) and not last
            if due or stop or _is_due(step, run.config.checkpoint_every_steps):
                records.save(step, state, info, scores)
            if due and stops_early(log.history, run.config.early_stopping):
                break
            if stop:
                run.checkpoints.wait()
                raise preemption.Preempted(f"stopped after step {step}, which is saved")
    run.checkpoints.wait()


def stops_early(history: Sequence[logs.Record], patience: int) -> bool:
    """Whether the last `patience` validations had no lower loss than those before them.

    Args:
        history: The records of metrics.jsonl.
        patience: A number of validations; 0: never.
    """
    losses = [record["loss"] for record in history if record["split"] == "validation"]
    return 0 < patience < len(losses) and min(losses[-patience:]) >= min(losses[:-patience])


@dataclasses.dataclass
class _Records:
    """What is recorded while a run trains.

    Attributes:
        run: The run.
        log: Its metrics.jsonl.
        bar: Its progress bar.
        speed: Times its steps.
        features: Features of the validation clips, if they were computed before.
    """

    run: Run
    log: logs.MetricsLog | logs.NoLog
    bar: tqdm.tqdm
    speed: SpeedMeter
    features: np.ndarray | None

    def training(self, step: int, state: TrainState, info: Info) -> TrainState:
        """Writes the means since the last record; returns the state with sums of 0."""
        run = self.run
        _require_finite(info, step, run)
        metrics = _training_metrics(state, info, run, step)
        # By way of the host: from a device, JAX 0.10 makes an array that cannot be saved where
        # each process has one device.
        zeros = jax.device_get(ClipSums.zeros(run.task.model.dtype))
        zeros = jax.device_put(zeros, run.devices.replicated)
        self.log.write(step, step / run.steps_per_epoch, "train", metrics)
        self.log.write_speed(step, self.speed.read())
        self.bar.set_postfix(loss=f"{metrics['loss']:.3f}")
        return state.replace(sums=zeros)

    def validation(self, step: int, state: TrainState) -> Scores:
        """Scores the validation split and writes its metrics."""
        run = self.run
        self.bar.set_postfix_str("validating")
        with self.speed.pause():
            scores = score(
                run.eval_step,
                inference_state(variables_for_evaluation(state)),  # As of a stored checkpoint.
                run.dataset,
                "validation",
                run.config.batch_size,
                features=self.features,
                fakes=fakes.for_split(run.config, run.dataset, "validation"),
                video_score=run.config.video_score,
            )
        metrics = {**_validation_metrics(scores), **_penalty(state, run)}
        _require_finite({"validation loss": metrics["loss"]}, step, run)
        self.log.write(step, step / run.steps_per_epoch, "validation", metrics)
        self.bar.set_postfix(validation_loss=f"{metrics['loss']:.3f}")
        return scores

    def save(self, step: int, state: TrainState, info: Info, scores: Scores | None) -> None:
        """Saves a checkpoint, which may become the best if the validation split was scored."""
        run = self.run
        with self.speed.pause():
            meta = _meta(run, scores, self.log.history)
            quality = None
            if scores is not None and run.chooses:
                quality = {"loss": _validation_metrics(scores)["loss"]}
            _require_good(state, info, step, run)
            run.checkpoints.save(step, state, meta, quality)


def _features(run: Run, state: TrainState) -> dict[str, np.ndarray | None]:
    """Features of the training and validation clips, if config.cache_features is set."""
    features: dict[str, np.ndarray | None] = dict.fromkeys(("train", "validation"))
    if not run.config.cache_features:
        return features
    encode = functools.partial(training_steps.encode_step, task=run.task)
    encode_step = run.devices.compile_by_clip(encode)
    for split in features:
        features[split] = cached(
            run.folder,
            encode_step,
            state,
            run.task.model,
            run.dataset,
            split,
            run.config.batch_size,
        )
    return features


def _batches(run: Run, start: int, features: np.ndarray | None) -> Any:
    return batches.of(
        run.config,
        run.dataset,
        start,
        run.num_steps,
        shard=pipeline.Shard(jax.process_index(), jax.process_count()),
        features=features,
    )


def _is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _training_metrics(
    state: TrainState, info: dict[str, jax.Array], run: Run, step: int
) -> dict[str, float]:
    """Means since the last record, and values of the step itself."""
    return {
        **state.sums.compute(),
        **_penalty(state, run),
        "learning_rate": float(run.task.learning_rate(step - 1)),
        "gradient_norm": float(info["gradient_norm"]),
    }


def _penalty(state: TrainState, run: Run) -> dict[str, float]:
    """What training adds to the loss, if anything."""
    weight = run.config.l2_lstm_kernel
    return {"penalty": float(training_steps.penalty(state.params, run.task))} if weight else {}


def _validation_metrics(scores: Scores) -> dict[str, float | None]:
    summary = scores.summary()
    loss = summary["clip"]["log_loss"]
    return {
        "loss": math.nan if loss is None else loss,
        "accuracy": summary["clip"]["accuracy"],
        "video_accuracy": summary["video"]["accuracy"],
        "video_auc": summary["video"]["auc"],
    }


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
    """Checks that loss and gradient, or other values given by name, are finite."""
    last = run.checkpoints.last_step
    good = f"the last good checkpoint is that of step {last}" if last else "there is no checkpoint"
    named = {name.replace("_", " "): value for name, value in values.items()}
    finite.require(named, step, f"{good} ({run.folder})", run.config)


def _require_good(state: TrainState, info: Mapping[str, Any], step: int, run: Run) -> None:
    """Checks that a step may be saved: all of its results are finite."""
    _require_finite(info, step, run)
    if name := not_finite(state):
        _require_finite({f"value of {name}": math.nan}, step, run)
