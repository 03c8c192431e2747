"""python -m fdd.evaluate --workdir=DIR: evaluates a run's best checkpoint, on any data sets."""

import argparse
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fdd import cli, parts
from fdd.errors import UserError, shown

EVALUATIONS_DIR = "evaluations"


def evaluate(
    workdir: pathlib.Path,
    datasets: Sequence[pathlib.Path] = (),
    split: str = "test",
    frames: str | None = None,
    allow_mismatch: bool = False,
    out: pathlib.Path | None = None,
) -> dict[str, dict[str, Any]]:
    """Scores data sets and writes a report of each.

    Args:
        workdir: Of the run.
        datasets: Folders of data sets that this project built; the run's own by default.
        split: 'train', 'validation' or 'test'.
        frames: See `fdd.evaluation.scores.frame_order`; the config's by default.
        allow_mismatch: Score clips that were cut in another way than the run's.
        out: Where the reports' folders go; `workdir`/evaluations by default.

    Returns:
        The contents of metrics.json by the report's folder, BUILDER-KEY-SPLIT-FRAMES, where the key
        is that of the data set (`fdd.data.identity`).

    Raises:
        UserError: there is no checkpoint, no such data set or split, a mismatch, or `out` cannot be
            written.
    """
    from fdd import report  # Late, so that --help need not wait for JAX.
    from fdd.data.records import Dataset
    from fdd.evaluation.scores import score
    from fdd.runs import prepare

    out = _made(out or workdir / EVALUATIONS_DIR)
    loaded = _load(workdir)
    frames = frames or loaded.config.eval_frames
    opened = [Dataset(folder) for folder in datasets]
    opened = opened or [prepare.open_dataset(loaded.config.data)]
    notes = {dataset.folder: _mismatch(dataset, loaded, allow_mismatch) for dataset in opened}
    if not datasets:
        notes[opened[0].folder] += _not_its_own(opened[0], loaded)
    summaries = {}
    for dataset in opened:
        size = loaded.config.batch_size
        scores = score(loaded.eval_step, loaded.state, dataset, split, size, frames)
        name = f"{dataset.builder}-{dataset.key}-{split}-{frames}"
        note = [*notes[dataset.folder], *report.control_note(frames)]
        summaries[name] = report.write(out / name, name, loaded, dataset, scores, notes=note)
    return summaries


def evaluate_robustness(
    workdir: pathlib.Path,
    videos_dir: pathlib.Path | None,
    split: str = "test",
    out: pathlib.Path | None = None,
) -> tuple[dict[str, list[float]], pathlib.Path]:
    """Scores the run's videos of a split under seven kinds of damage at five levels.

    Args:
        workdir: Of the run.
        videos_dir: Folder of the videos the run's data set was built from; by default what the
            config says.
        split: 'train', 'validation' or 'test'.
        out: As in `evaluate`.

    Returns:
        See `fdd.evaluation.robustness.evaluate`; and the folder that it is written to,
        BUILDER-KEY-SPLIT-robustness in `out`.

    Raises:
        UserError: there is no checkpoint, or no video, or `out` cannot be written.
    """
    from fdd.data import identity
    from fdd.evaluation import robustness
    from fdd.report import robustness as report_robustness
    from fdd.runs import prepare

    out = _made(out or workdir / EVALUATIONS_DIR)
    loaded = _load(workdir)
    data = loaded.config.data
    root = videos_dir or prepare.videos_folder(data)
    if root is None or not root.is_dir():
        raise UserError(f"no folder of videos ({root}): say --videos=DIR")
    builder = prepare.create_builder(data)
    spec = builder.builder_config.preprocessing
    if spec.fingerprint() != loaded.fingerprint:
        raise UserError(f"{workdir} was trained with another version of the video path")
    videos = [video for video in builder.find_videos(root) if video.split == split]
    if not videos:
        raise UserError(f"{root} holds no video of the split '{split}'")
    size = loaded.config.batch_size

    def score(clips: np.ndarray) -> np.ndarray:
        padded = np.concatenate([clips, np.repeat(clips[-1:], -len(clips) % size, axis=0)])
        batches = [padded[start : start + size] for start in range(0, len(padded), size)]
        logits = [loaded.eval_step(loaded.state, {"frames": batch}) for batch in batches]
        return np.concatenate([np.asarray(each) for each in logits])[: len(clips)]

    areas = robustness.evaluate(videos, spec, score)
    folder = out / f"{builder.name}-{builder.key_of(identity.look(root))}-{split}-robustness"
    report_robustness.write(folder, areas)
    return areas, folder


def _made(folder: pathlib.Path) -> pathlib.Path:
    """Makes a folder before anything is computed for it, and sees that it can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise UserError(
            f"{shown(str(folder))} cannot be written ({error.strerror}): say --out=DIR"
        ) from None


def _load(workdir: pathlib.Path) -> Any:
    from fdd.inference.detector import Detector

    loaded = Detector.load(workdir)
    loaded.devices.check_batch_size(loaded.config.batch_size)
    return loaded


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


def _not_its_own(dataset: Any, loaded: Any) -> list[str]:
    from fdd.runs import trained_on

    trained = loaded.trained_on.get("data_set")
    if not trained or trained == trained_on.named(dataset):
        return []
    return [
        f"The detector was trained on another data set ({trained['name']}, key {trained['key']}) "
        f"than the one that its config leads to now (key {dataset.key})."
    ]


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
        f"{limits[0]:.3f} to {limits[1]:.3f}" if limits else "not given",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error the user can put right ends it with one line and status 1."""
    parser = cli.Parser("evaluate", __doc__)
    parser.add_workdir()
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
        choices=("as_is", "shuffled", "repeated"),
        help="controls: frames in random order, or the middle frame repeated",
    )
    parser.add_argument(
        "--allow_mismatch",
        action="store_true",
        help="score clips that were cut in another way than the run's; the report says so",
    )
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="damage the run's videos in seven ways at five levels, and tabulate AUC",
    )
    parser.add_argument(
        "--videos", type=pathlib.Path, help="with --robustness: where the videos are"
    )
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        help="folder of the reports, one each in BUILDER-KEY-SPLIT-FRAMES, or in "
        "BUILDER-KEY-SPLIT-robustness; the key tells data sets apart; default: WORKDIR/evaluations",
    )
    options = parser.parse_args(arguments)
    place = options.out or options.workdir
    with cli.one_line(place), cli.writing_to(place):
        parts.import_modules(options.modules)
        _run(options)


def _run(options: argparse.Namespace) -> None:
    from fdd.devices import runtime

    runtime.prepare()
    out = options.out or options.workdir / EVALUATIONS_DIR
    if options.robustness:
        from fdd.report import robustness

        areas, folder = evaluate_robustness(options.workdir, options.videos, options.split, out)
        print(robustness.table(areas))
        print(f"Report: {folder}")
        return
    summaries = evaluate(
        options.workdir,
        options.dataset,
        options.split,
        options.frames,
        options.allow_mismatch,
        out,
    )
    print(table(summaries))
    print("\n".join([f"Reports: {out}", *(f"  {name}/report.html" for name in summaries)]))


if __name__ == "__main__":
    cli.start(main)
