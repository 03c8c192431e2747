"""From scores to a report: metrics.json, predictions.csv, figures, report.md and report.html."""

import json
import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from fdd.data import coverage_lists
from fdd.data.records import Dataset
from fdd.evaluation import conformal, selective
from fdd.evaluation.scores import Scores
from fdd.evaluation.summary import evaluate_scores
from fdd.inference.detector import Detector
from fdd.models import layers
from fdd.pages import html
from fdd.report import errors, figures, text
from fdd.runs import trained_on, workdir
from fdd.training import fakes

_METRICS = "metrics.json"
_PARTIAL = ".partial"


def write(
    out: pathlib.Path,
    name: str,
    detector: Detector,
    dataset: Dataset,
    scores: Scores,
    history: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
    familiarity: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes a report; an existing one is replaced when the new one is complete.

    Args:
        out: The folder to write to; created if necessary.
        name: The name of the run.
        detector: Gave the scores.
        dataset: The data set that was scored.
        scores: The scores of one of its splits.
        history: The records of metrics.jsonl; empty for an evaluation alone.
        notes: Remarks for the reader, one paragraph each.
        familiarity: `fdd.evaluation.selective.summarize` of the videos, if it is known.

    Returns:
        The content of metrics.json.
    """
    partial = out / _PARTIAL
    shutil.rmtree(partial, ignore_errors=True)  # Left by a process that was killed.
    partial.mkdir(parents=True)
    try:
        summary = _write_files(
            partial, name, detector, dataset, scores, history, notes, familiarity
        )
        _replace(out, partial)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return summary


def _write_files(
    out: pathlib.Path,
    name: str,
    detector: Detector,
    dataset: Dataset,
    scores: Scores,
    history: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
    familiarity: Mapping[str, Any] | None,
) -> dict[str, Any]:
    failed, reasons = coverage_lists.failures(dataset.folder, scores.split)
    summary = {
        **evaluate_scores(scores, detector.calibration),
        "failed_videos": failed,
        "checkpoint_step": detector.step,
        "weights": detector.basis.weights,
        "video_score": scores.pooling,
        "data_set": trained_on.named(dataset),
        "notes": [*notes, *fakes.notes(scores)],
    }
    if familiarity is not None:
        summary["familiarity"] = dict(familiarity)
        summary["notes"] += selective.sentences(summary["familiarity"])
    videos = scores.by_video()
    if made := detector.conformal:
        found = conformal.summarize(
            made, videos.labels, videos.logits, detector.calibration.threshold
        )
        summary["conformal"] = found
        summary["notes"].append(f"{conformal.sentence(found)} {made.promise()}")
    scores.write_csv(out / "predictions.csv")
    if history:
        _loss_curve(out / "loss.png", history)
        figures.curves(out / "accuracy.png", history, "accuracy", "accuracy per clip")
    figures.confusion_matrix(out / "confusion_matrix.png", summary["video"]["confusion_matrix"])
    figures.roc(out / "roc.png", videos)
    figures.reliability(out / "reliability.png", videos, detector.calibration)
    boxes = layers.describe(detector.task.model, detector.task.clip_shape)
    figures.layers(out / "model.png", boxes)
    worst = errors.worst(scores, detector.calibration)
    made = fakes.for_split(detector.config, dataset, scores.split)
    figures.strips(out / "errors.png", errors.strips(worst, dataset, made))
    page = text.markdown(summary, detector.config, name, dataset, reasons, bool(history))
    (out / "report.md").write_text(page, "utf-8")
    (out / "report.html").write_text(html.self_contained(page, out, f"fdd: {name}"), "utf-8")
    (out / _METRICS).write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n", "utf-8")
    return summary


def _replace(out: pathlib.Path, partial: pathlib.Path) -> None:
    """Moves a report's files to their places; metrics.json last, as a sign of completeness."""
    (out / _METRICS).unlink(missing_ok=True)
    for file in sorted(partial.iterdir(), key=lambda file: file.name == _METRICS):
        file.replace(out / file.name)


def _loss_curve(out: pathlib.Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Draws what training minimised: the cross-entropy plus the L2 penalty, if any."""
    with_penalty = any("penalty" in record for record in history)
    title = "cross-entropy in nats" + (" + L2 penalty" if with_penalty else "")
    totals = [{**each, "loss": each["loss"] + each.get("penalty", 0)} for each in history]
    figures.curves(out, totals, "loss", title)


def control_note(frames: str) -> list[str]:
    """A remark for the reader if clips' frames were not scored in their order.

    Args:
        frames: See `fdd.evaluation.scores.frame_order`.
    """
    return [] if frames == "as_is" else [f"A control: the frames of each clip were {frames}."]


def exists(out: pathlib.Path) -> bool:
    """Whether the folder holds a complete report."""
    return (out / _METRICS).exists()


def metrics(out: pathlib.Path) -> dict[str, Any]:
    """Returns the content of a report's metrics.json.

    Raises:
        UserError: the file is damaged.
    """
    return workdir.read_json(out / _METRICS, "--mode=eval writes it again")


def read(out: pathlib.Path) -> str:
    """Returns a report as a short table for a terminal.

    Raises:
        UserError: metrics.json is damaged.
    """
    summary = metrics(out)
    return f"{text.terminal(summary)}\nReport: {out / 'report.md'} and {out / 'report.html'}"
