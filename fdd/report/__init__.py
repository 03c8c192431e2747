"""Scores to a report: metrics.json, predictions.csv, figures, report.md and report.html."""

import json
import pathlib
from typing import Any

import flax.linen as nn
import ml_collections

from fdd import logs, workdir
from fdd.calibration import Calibration
from fdd.data import coverage
from fdd.data.records import Dataset
from fdd.evaluation import evaluate_scores
from fdd.report import errors, figures, html, layers, text
from fdd.scores import Scores

_METRICS = "metrics.json"


def write(
    folder: pathlib.Path,
    config: ml_collections.ConfigDict,
    model: nn.Module,
    dataset: Dataset,
    scores: Scores,
    calibration: Calibration,
    checkpoint_step: int,
) -> dict[str, Any]:
    """Writes the report of a run, metrics.json last.

    Args:
        folder: The run's workdir; the report goes to its folder report/.
        config: The run's config.
        model: The detector, for the diagram of its layers.
        dataset: The data set that was scored.
        scores: The scores of one of its splits.
        calibration: Fitted on validation.
        checkpoint_step: The step whose checkpoint gave the scores.

    Returns:
        What metrics.json holds.
    """
    out = folder / workdir.REPORT_DIR
    out.mkdir(exist_ok=True)
    failed, reasons = coverage.failures(dataset.folder, scores.split)
    summary = {
        **evaluate_scores(scores, calibration),
        "failed_videos": failed,
        "checkpoint_step": checkpoint_step,
    }
    history = logs.read_metrics(folder)
    scores.write_csv(out / "predictions.csv")
    figures.curves(out / "loss.png", history, "loss", "cross-entropy in nats")
    figures.curves(out / "accuracy.png", history, "accuracy", "accuracy per clip")
    figures.confusion_matrix(out / "confusion_matrix.png", summary["video"]["confusion_matrix"])
    figures.roc(out / "roc.png", scores.by_video())
    figures.reliability(out / "reliability.png", scores.by_video(), calibration)
    size = config.data.image_size
    boxes = layers.describe(model, (config.data.num_frames, size, size, 3))
    figures.layers(out / "model.png", boxes)
    worst = errors.worst(scores, calibration)
    figures.strips(out / "errors.png", errors.strips(worst, dataset))
    page = text.markdown(summary, config, folder.name, dataset, reasons)
    (out / "report.md").write_text(page)
    (out / "report.html").write_text(html.self_contained(page, out, f"fdd: {folder.name}"))
    (out / _METRICS).write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def exists(folder: pathlib.Path) -> bool:
    """Whether the run in `folder` has a complete report."""
    return (folder / workdir.REPORT_DIR / _METRICS).exists()


def read(folder: pathlib.Path) -> str:
    """Returns the report of the run in `folder` as a short table for a terminal."""
    out = folder / workdir.REPORT_DIR
    summary = json.loads((out / _METRICS).read_text())
    return f"{text.terminal(summary)}\nReport: {out / 'report.md'} and {out / 'report.html'}"
