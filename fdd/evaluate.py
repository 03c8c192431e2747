"""python -m fdd.evaluate --workdir=DIR: evaluates a run's best checkpoint, on any data sets."""

import argparse
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fdd.errors import UserError

FRAMES = ("as_is", "shuffled", "repeated")


def frame_order(kind: str, num_frames: int) -> np.ndarray:
    """Which frame of a clip stands at each place, for controls of what time contributes.

    Args:
        kind: 'as_is'; 'shuffled', one fixed random order; 'repeated', the middle frame only.
        num_frames: Frames in a clip.

    Returns:
        int [num_frames].
    """
    if kind == "shuffled":
        return np.random.default_rng(0).permutation(num_frames)
    if kind == "repeated":
        return np.full(num_frames, num_frames // 2)
    return np.arange(num_frames)


def evaluate(
    workdir: pathlib.Path,
    datasets: Sequence[pathlib.Path] = (),
    split: str = "test",
    frames: str = "as_is",
    allow_mismatch: bool = False,
) -> dict[str, dict[str, Any]]:
    """Scores data sets and writes a report of each to `workdir`/evaluations.

    Args:
        workdir: Of the run.
        datasets: Folders of data sets that this project built; the run's own by default.
        split: 'train', 'validation' or 'test'.
        frames: See `frame_order`.
        allow_mismatch: Score clips that were cut in another way than the run's.

    Returns:
        The contents of metrics.json by the report's folder.

    Raises:
        UserError: there is no checkpoint, no such data set or split, or a mismatch.
    """
    from fdd import detector, report  # Late, so that --help need not wait for JAX.
    from fdd.data import prepare
    from fdd.data.records import Dataset
    from fdd.scores import score

    loaded = detector.load(workdir)
    opened = [Dataset(folder) for folder in datasets]
    opened = opened or [prepare.open_dataset(loaded.config.data)]
    notes = {dataset.folder: _mismatch(dataset, loaded, allow_mismatch) for dataset in opened}
    order = frame_order(frames, loaded.config.data.num_frames)
    step = _with_frames(loaded.eval_step, order)
    summaries = {}
    for dataset in opened:
        scores = score(step, loaded.state, dataset, split, loaded.config.batch_size)
        name = "-".join([*dataset.folder.absolute().parts[-3:], split, frames])
        note = notes[dataset.folder]
        if frames != "as_is":
            note = [*note, f"A control: the frames of each clip were {frames}."]
        out = workdir / "evaluations" / name
        summaries[name] = report.write(out, name, loaded, dataset, scores, notes=note)
    return summaries


def _with_frames(step: Callable[..., Any], order: np.ndarray) -> Callable[..., Any]:
    return lambda state, batch: step(state, {**batch, "frames": batch["frames"][:, order]})


def _mismatch(dataset: Any, loaded: Any, allowed: bool) -> list[str]:
    if dataset.fingerprint == loaded.fingerprint:
        return []
    difference = (
        f"{dataset.folder} was cut with other preprocessing (fingerprint {dataset.fingerprint}) "
        f"than the detector was trained with ({loaded.fingerprint})"
    )
    if not allowed:
        raise UserError(f"{difference}: build it with the run's settings, or say --allow_mismatch")
    return [f"Preprocessing differs: {difference}. The numbers mix this with everything else."]


def table(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """One line per evaluation: videos, accuracy and AUC with intervals, and each method's AUC."""
    from fdd import tables

    lines = [["data set", "real", "fake", "accuracy", "AUC per video", "95 % interval"]]
    for name, summary in summaries.items():
        lines.append(_line(name, summary["video"]))
        for method, values in summary["per_method"].items():
            lines.append(_line(f"  {method}", values))
    return tables.aligned(lines)


def _line(name: str, values: Mapping[str, Any]) -> list[str]:
    limits = values["intervals"]["auc"]
    return [
        name,
        str(values["num_real"]),
        str(values["num_fake"]),
        f"{values['accuracy']:.4f}",
        "n/a" if values["auc"] is None else f"{values['auc']:.4f}",
        f"{limits[0]:.3f} to {limits[1]:.3f}" if limits else "n/a",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error the user can put right ends it with one line and status 1."""
    parser = argparse.ArgumentParser(prog="python -m fdd.evaluate", description=__doc__)
    parser.add_argument("--workdir", type=pathlib.Path, required=True, help="of the run")
    parser.add_argument(
        "--dataset",
        type=pathlib.Path,
        action="append",
        default=[],
        help="folder with dataset_info.json; may be given several times; default: the run's own",
    )
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument(
        "--frames",
        choices=FRAMES,
        default="as_is",
        help="controls: frames in a fixed random order, or the middle frame repeated",
    )
    parser.add_argument(
        "--allow_mismatch",
        action="store_true",
        help="score clips that were cut in another way than the run's; the report says so",
    )
    options = parser.parse_args(arguments)
    from absl import logging

    logging.set_verbosity(logging.WARNING)  # orbax tells of every file.
    try:
        summaries = evaluate(
            options.workdir, options.dataset, options.split, options.frames, options.allow_mismatch
        )
    except UserError as error:
        sys.exit(f"fdd: {error}")
    print(table(summaries))
    print(f"Reports: {options.workdir / 'evaluations'}")


if __name__ == "__main__":
    main()
