"""A detector on any data set, or on damaged videos, and a report of each."""

import os
import pathlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fdd import report, tables
from fdd.data import identity
from fdd.data.padding import padded
from fdd.data.records import Dataset
from fdd.errors import UserError, shown
from fdd.evaluation import conformal, robustness
from fdd.inference import familiar, sources, splits
from fdd.inference.detector import Detector
from fdd.report import robustness as report_robustness
from fdd.runs import prepare, trained_on


def evaluate(
    detector: str | os.PathLike[str],
    datasets: Sequence[pathlib.Path] = (),
    split: str = "test",
    frames: str | None = None,
    allow_mismatch: bool = False,
    out: pathlib.Path | None = None,
    error_rate: float | None = None,
) -> dict[str, dict[str, Any]]:
    """Scores data sets and writes a report of each.

    Args:
        detector: Where it is loaded from, see `fdd.Detector.load`.
        datasets: Folders of data sets that this project built; the run's own by default.
        split: 'train', 'validation' or 'test'.
        frames: See `fdd.evaluation.scores.frame_order`; the config's by default.
        allow_mismatch: Score clips that were cut in another way than the run's.
        out: Where the reports' folders go; where the detector keeps them by default.
        error_rate: See `fdd.Detector.load`; then verdicts with it are reported too.

    Returns:
        The contents of metrics.json by the report's folder, BUILDER-KEY-SPLIT-FRAMES, where the key
        is that of the data set (`fdd.data.identity`).

    Raises:
        UserError: there is no checkpoint, no such data set or split, a mismatch, or `out` cannot be
            written.
    """
    out = _made(out or sources.find(detector).reports)
    loaded = _load(detector, error_rate)
    unknown = _unknown(detector, loaded)
    frames = frames or loaded.config.eval_frames
    opened = [Dataset(folder) for folder in datasets]
    opened = opened or [_its_own(loaded)]
    notes = {dataset.folder: _mismatch(dataset, loaded, allow_mismatch) for dataset in opened}
    if not datasets:
        notes[opened[0].folder] += _not_its_own(opened[0], loaded)
    summaries = {}
    for dataset in opened:
        scores, seen = splits.scored(loaded, dataset, split, frames)
        name = f"{dataset.builder}-{dataset.key}-{split}-{frames}"
        note = [*notes[dataset.folder], *unknown, *report.control_note(frames)]
        known = None if seen is None else splits.familiarity(loaded, seen)
        summaries[name] = report.write(
            out / name, name, loaded, dataset, scores, notes=note, familiarity=known
        )
    return summaries


def evaluate_robustness(
    detector: str | os.PathLike[str],
    videos_dir: pathlib.Path | None,
    split: str = "test",
    out: pathlib.Path | None = None,
) -> tuple[dict[str, list[float]], dict[str, list[float]], pathlib.Path]:
    """Scores the run's videos of a split under seven kinds of damage at five levels.

    Args:
        detector: Where it is loaded from, see `fdd.Detector.load`.
        videos_dir: Folder of the videos the run's data set was built from; by default what the
            config says.
        split: 'train', 'validation' or 'test'.
        out: As in `evaluate`.

    Returns:
        See `fdd.evaluation.robustness.evaluate` for the first two; and the folder that they are
        written to, BUILDER-KEY-SPLIT-robustness in `out`.

    Raises:
        UserError: there is no checkpoint, or no video, or `out` cannot be written.
    """
    out = _made(out or sources.find(detector).reports)
    loaded = _load(detector)
    _unknown(detector, loaded)
    data = loaded.config.data
    root = videos_dir or prepare.videos_folder(data)
    if root is None or not root.is_dir():
        raise UserError(f"no folder of videos ({root}): say --videos=DIR")
    builder = prepare.create_builder(data)
    spec = builder.builder_config.preprocessing
    if spec.fingerprint() != loaded.fingerprint:
        raise UserError(f"{detector} was trained with another version of the video path")
    videos = [video for video in builder.find_videos(root) if video.split == split]
    if not videos:
        raise UserError(f"{root} holds no video of the split '{split}'")
    size = loaded.config.batch_size

    known = loaded.familiarity

    def score(clips: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        starts = np.arange(0, len(clips), size)[:, None]
        batches = padded(starts + np.arange(size), len(clips))
        if known is None:
            logits = [loaded.eval_step(loaded.state, {"frames": clips[batch]}) for batch in batches]
            return np.concatenate([np.asarray(each) for each in logits])[: len(clips)], None
        seen = [loaded.look_step(loaded.state, {"frames": clips[batch]}) for batch in batches]
        found = {
            name: np.concatenate([np.asarray(each[name]) for each in seen])[: len(clips)]
            for name in seen[0]
        }
        return found["logits"], known.distances(found)

    settings = {} if known is None else {"knows": known.knows}
    areas, answered = robustness.evaluate(
        videos, spec, score, loaded.config.video_score, **settings
    )
    folder = out / f"{builder.name}-{builder.key_of(identity.look(root))}-{split}-robustness"
    report_robustness.write(folder, areas, answered)
    return areas, answered, folder


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


def _load(detector: str | os.PathLike[str], error_rate: float | None = None) -> Detector:
    loaded = Detector.load(detector, error_rate=error_rate)
    loaded.devices.check_batch_size(loaded.config.batch_size)
    return loaded


def _unknown(detector: str | os.PathLike[str], loaded: Detector) -> list[str]:
    """Says, if so, that familiarity is not known; also for a report."""
    if loaded.familiarity is not None:
        return []
    said = familiar.unknown(detector, loaded.step is None)
    print(said, file=sys.stderr)
    sentence = said.removeprefix("fdd: ")
    return [f"{sentence[:1].upper()}{sentence[1:]}."]


def _mismatch(dataset: Dataset, loaded: Detector, allowed: bool) -> list[str]:
    if dataset.fingerprint == loaded.fingerprint:
        return []
    difference = (
        f"{dataset.folder} was cut with other preprocessing (fingerprint {dataset.fingerprint}) "
        f"than the detector was trained with ({loaded.fingerprint})"
    )
    if not allowed:
        how = "as --config=gend does" if loaded.step is None else "with the run's settings"
        raise UserError(f"{difference}: build it {how}, or say --allow_mismatch")
    return [f"Preprocessing differs: {difference}. The numbers mix this with everything else."]


def _its_own(loaded: Detector) -> Dataset:
    if not loaded.trained_on:
        raise UserError(
            f"{loaded.name} is published and has no data set of its own here: say --dataset=DIR"
        )
    return prepare.open_dataset(loaded.config.data)


def _not_its_own(dataset: Dataset, loaded: Detector) -> list[str]:
    trained = loaded.trained_on.get("data_set")
    if not trained:
        return [
            "The detector is of an older version, which did not record on which data set it was "
            f"trained. It is scored on the one that its config leads to now (key {dataset.key})."
        ]
    if trained == trained_on.named(dataset):
        return []
    return [
        f"The detector was trained on another data set ({trained['name']}, key {trained['key']}) "
        f"than the one that its config leads to now (key {dataset.key})."
    ]


def table(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """One line per evaluation: videos, accuracy and AUC with intervals, and each method's AUC."""
    lines = [["data set", "real", "fake", "accuracy", "AUC per video", "95 % interval"]]
    for name, summary in summaries.items():
        lines.append(_line(name, summary["video"]))
        if known := summary.get("familiarity"):
            lines.append([f"  answered: {known['answered']:.1%}", *_answered(known)])
        for method, values in summary["per_method"].items():
            lines.append(_line(f"  {method}", values))
    rates = [
        f"{name}: {conformal.sentence(summary['conformal'])}"
        for name, summary in summaries.items()
        if "conformal" in summary
    ]
    return "\n".join([tables.aligned(lines), *rates])


def _answered(known: Mapping[str, Any]) -> list[str]:
    """The metrics of videos with an answer, in the columns of the table."""
    values = known["metrics"]["of_answered"]
    if values is None:
        return ["0", "0", "n/a", "n/a", ""]
    auc = "n/a" if values["auc"] is None else f"{values['auc']:.4f}"
    counts = [str(values["num_real"]), str(values["num_fake"])]
    return [*counts, f"{values['accuracy']:.4f}", auc, ""]


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
