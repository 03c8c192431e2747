"""Training and evaluating a run, from its config to its report."""

import dataclasses
import functools
import pathlib
import sys
from typing import Any

import ml_collections

from fdd import report
from fdd.devices import memory, parallel
from fdd.errors import UserError
from fdd.evaluation import looks
from fdd.inference import checkpoint, detector, splits
from fdd.runs import familiarity_file, prepare, trained_on, validated_file, workdir
from fdd.training import fit, logs, loop, pretrained
from fdd.training.look import INPUT
from fdd.training.run import Run, open_run
from fdd.training.state import TrainState
from fdd.training.task import abstract_state, create_state


def train_and_evaluate(
    config: ml_collections.ConfigDict,
    folder: pathlib.Path,
    profile: tuple[int, int] | None = None,
) -> None:
    """Trains (or continues), evaluates the best checkpoint once on test and writes the report.

    Of a finished run only the report is printed, also where its folder cannot be written.

    Args:
        config: See `configs/resnet_lstm.py`.
        folder: The run's workdir.
        profile: See `train`.

    Raises:
        UserError: the config, the folder or the data cannot be used, or a value is not finite.
        fdd.system.preemption.Preempted: see `train`.
    """
    trains = not report.exists(folder / workdir.REPORT_DIR)
    try:
        with open_run(config, folder, trains) as run:
            if not (_is_finished(run) and report.exists(folder / workdir.REPORT_DIR)):
                train(run, profile)
                evaluate(run)
                return
            dataset = run.dataset
    except workdir.ReadOnlyError as error:
        if trains:
            raise
        print(f"fdd: {error}; nothing was written", file=sys.stderr)
        dataset = prepare.open_dataset(config.data)
    trained_on.check(report.metrics(folder / workdir.REPORT_DIR), dataset, folder)
    print(f"The run in {folder} is finished. (--mode=eval evaluates it again.)")
    print(report.read(folder / workdir.REPORT_DIR))


def evaluate_again(config: ml_collections.ConfigDict, folder: pathlib.Path) -> None:
    """Evaluates the best checkpoint of a run on test again and writes the report.

    Where the folder cannot be written, prints the report that it holds.

    Raises:
        UserError: as `train_and_evaluate`, or there is no checkpoint.
    """
    try:
        with open_run(config, folder, trains=False) as run:
            evaluate(run)
    except workdir.ReadOnlyError as error:
        if report.exists(folder / workdir.REPORT_DIR):
            print(report.read(folder / workdir.REPORT_DIR))
        raise UserError(
            f"{error}; nothing was written or evaluated again: python -m fdd.evaluate "
            f"--detector={folder} --out=DIR writes elsewhere"
        ) from None


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
    if loop.stops_early(history, config.early_stopping):
        return
    if profile and not start < profile[0] <= run.num_steps:
        raise UserError(
            f"--profile={profile[0]}:{profile[1]} begins at no step that will be taken: those are "
            f"{start + 1} to {run.num_steps}"
        )
    with memory.enough_for("a train step", functools.partial(_with_less_memory, run)):
        loop.steps(run, start, state, history, profile)


def evaluate(run: Run) -> None:
    """Scores the test split with the best checkpoint, writes the report and prints its table.

    Raises:
        UserError: there is no checkpoint, or the best one is damaged.
    """
    run.checkpoints.wait()
    weights = checkpoint.best(run.config, run.checkpoints, run.folder, run.devices)
    best = detector.with_weights(
        run.config, run.task, run.eval_step, run.devices, weights, run.folder.name
    )
    trained_on.check(best.trained_on, run.dataset, run.folder)
    best = _with_validation(run, best, weights.validated is not None)
    frames = run.config.eval_frames
    with memory.enough_for("a clip", f"--mode=eval --workdir={run.folder} evaluates it again"):
        scores, seen = splits.scored(best, run.dataset, "test", frames)
    if not parallel.is_main():
        return
    out, history = run.folder / workdir.REPORT_DIR, logs.read_metrics(run.folder)
    notes = report.control_note(frames)
    known = None if seen is None else splits.familiarity(best, seen)
    report.write(out, run.folder.name, best, run.dataset, scores, history, notes, known)
    print(report.read(out))


def _with_validation(run: Run, best: detector.Detector, is_validated: bool) -> detector.Detector:
    """The detector with its familiarity.

    It and what validation videos got are measured and stored where they are not yet.
    """
    if best.familiarity is not None and is_validated:
        return best
    again = f"--mode=eval --workdir={run.folder} measures it again"
    with memory.enough_for("measuring familiarity", again):
        scores, seen = splits.looked(best, run.dataset, "validation")
        known = best.familiarity or looks.fit(
            *(best.look_step, best.state, run.dataset, run.config.batch_size),
            *(run.config.familiar_share, INPUT, seen),
        )
    if parallel.is_main():
        of = familiarity_file.of_checkpoint(run.folder / workdir.CHECKPOINTS_DIR, best.step)
        familiarity_file.write(run.folder / familiarity_file.FILE, known, of)
        validated = splits.validated(scores, run.dataset)
        validated_file.write(run.folder / validated_file.FILE, validated, of)
    parallel.barrier("familiarity")
    return dataclasses.replace(best, familiarity=known)


def _with_less_memory(run: Run) -> str:
    """What to do where memory ran out while a run was trained."""
    run.checkpoints.wait()
    last = run.checkpoints.last_step
    saved = f"after step {last}, which is saved" if last else "from the start"
    if setting := fit.unchanging(run.config, run.devices.mesh.size):
        return f"with {setting} it takes less, and the same command goes on {saved}"
    return (
        f"end other programs that use memory, and the same command goes on {saved}; or train "
        "anew, with another --workdir and --config.precision=bfloat16, more "
        "--config.accumulate_steps or a smaller --config.batch_size"
    )


def _is_finished(run: Run) -> bool:
    step = run.checkpoints.last_step
    if step is None or step >= run.num_steps:
        return step is not None
    return loop.stops_early(run.checkpoints.meta(step)["history"], run.config.early_stopping)


def _restore_or_create(run: Run) -> tuple[int, TrainState, list[logs.Record]]:
    """The last completed step, its state, and the records of metrics.jsonl up to it."""
    place = run.devices.replicated
    restored = None
    if run.checkpoints.last_step is not None:  # Otherwise its shapes need not be found out.
        restored = run.checkpoints.restore_last(abstract_state(run.task, place))
    if restored is None:
        model = run.config.model

        def change(drawn: Any) -> Any:
            return pretrained.load(model.pretrained, run.task.model, drawn, model.version)

        return 0, create_state(run.task, run.config.seed, place, change), []
    step, state, meta = restored
    trained_on.check(meta, run.dataset, run.folder)
    print(f"Going on after step {step} of {run.num_steps}.")
    return step, state, meta["history"]
