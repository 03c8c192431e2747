"""Scores to a report: metrics.json, predictions.csv, figures and report.md."""

import json
import pathlib

import flax.linen as nn
import ml_collections

from fdd import logs, workdir
from fdd.report import figures, layers, text
from fdd.scores import Scores

_METRICS = "metrics.json"


def write(
    folder: pathlib.Path,
    config: ml_collections.ConfigDict,
    model: nn.Module,
    scores: Scores,
    checkpoint_step: int,
) -> None:
    """Writes the report of a run, metrics.json last.

    Args:
        folder: The run's workdir; the report goes to its folder report/.
        config: The run's config.
        model: The detector, for the diagram of its layers.
        scores: The scores of the test split.
        checkpoint_step: The step whose checkpoint gave them.
    """
    out = folder / workdir.REPORT_DIR
    out.mkdir(exist_ok=True)
    summary = {**scores.summary(), "checkpoint_step": checkpoint_step}
    history = logs.read_metrics(folder)
    scores.write_csv(out / "predictions.csv")
    figures.curves(out / "loss.png", history, "loss", "cross-entropy in nats")
    figures.curves(out / "accuracy.png", history, "accuracy", "accuracy per clip")
    figures.confusion_matrix(out / "confusion_matrix.png", summary["video"]["confusion_matrix"])
    figures.roc(out / "roc.png", scores.by_video())
    size = config.data.image_size
    boxes = layers.describe(model, (config.data.num_frames, size, size, 3))
    figures.layers(out / "model.png", boxes)
    (out / "report.md").write_text(text.markdown(summary, config, folder.name))
    (out / _METRICS).write_text(json.dumps(summary, indent=2) + "\n")


def exists(folder: pathlib.Path) -> bool:
    """Whether the run in `folder` has a complete report."""
    return (folder / workdir.REPORT_DIR / _METRICS).exists()


def read(folder: pathlib.Path) -> str:
    """Returns the report of the run in `folder` as a short table for a terminal."""
    out = folder / workdir.REPORT_DIR
    summary = json.loads((out / _METRICS).read_text())
    return f"{text.terminal(summary)}\nReport: {out / 'report.md'}"
