"""The figures of a report, as PNG files; legible in black and white."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import patches
from matplotlib.figure import Figure

from fdd.evaluation import metrics
from fdd.evaluation.calibration import Calibration
from fdd.evaluation.scores import Scores
from fdd.models.layers import Box
from fdd.pages.drawing import DARK, LIGHT, MIDDLE, save
from fdd.pages.plain import short
from fdd.report.errors import Strip


def curves(path: pathlib.Path, history: Sequence[Mapping[str, Any]], name: str, label: str) -> None:
    """Draws a metric of training and validation over the steps.

    Args:
        path: The file to write.
        history: The records of metrics.jsonl.
        name: The metric.
        label: The label of its axis.
    """
    figure = Figure(figsize=(6, 3.6))
    axes = figure.subplots()
    for split, color, style in (("train", MIDDLE, ".--"), ("validation", DARK, "o-")):
        points = [(record["step"], record[name]) for record in history if record["split"] == split]
        if points:
            axes.plot(*zip(*points, strict=True), style, color=color, label=split, markersize=4)
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    axes.set_ylim(0, 1.02 if name == "accuracy" else None)
    axes.grid(alpha=0.3)
    axes.legend()
    save(figure, path)


def confusion_matrix(path: pathlib.Path, matrix: Sequence[Sequence[int]]) -> None:
    """Draws counts [[tn, fp], [fn, tp]] of videos."""
    counts = np.array(matrix)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(4, 3.6))
    axes = figure.subplots()
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if fractions[row, column] > 0.5 else "black"
        text = f"{count}\n{fractions[row, column]:.1%}"
        axes.text(column, row, text, ha="center", va="center", color=color)
    axes.set_xticks([0, 1], ["real", "fake"])
    axes.set_yticks([0, 1], ["real", "fake"])
    axes.set_xlabel("called")
    axes.set_ylabel("true class")
    save(figure, path)


def roc(path: pathlib.Path, videos: Scores) -> None:
    """Draws the ROC curves of each method's fakes against all real videos, and of all fakes."""
    chosen = {"all": videos} | {name: videos.against_reals(name) for name in videos.forgery_methods}
    rocs(path, {name: (some.labels, some.logits) for name, some in chosen.items()})


def rocs(path: pathlib.Path, scores: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Draws ROC curves over each other.

    Args:
        path: The file to write.
        scores: Labels [n] and logits [n] of videos, by name; without both classes there is no
            curve.
    """
    figure = Figure(figsize=(5, 4.4))
    axes = figure.subplots()
    for (name, (labels, logits)), style in zip(scores.items(), _styles(len(scores)), strict=True):
        if len(set(labels.tolist())) == 2:
            area = metrics.auc(labels, logits)
            axes.plot(
                *metrics.roc_curve(labels, logits), label=f"{area:.3f}  {short(name)}", **style
            )
    axes.plot([0, 1], [0, 1], ":", color="gray", linewidth=1)
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(title="AUC per video", loc="lower right")
    save(figure, path)


def severity(path: pathlib.Path, undamaged: float, damaged: Mapping[str, Sequence[float]]) -> None:
    """Draws AUC against the level of damage, a line per kind, from level 0."""
    figure = Figure(figsize=(6, 4))
    axes = figure.subplots()
    markers = "osv^D*P"
    for index, (kind, areas) in enumerate(damaged.items()):
        style = _styles(len(damaged))[index]
        axes.plot([undamaged, *areas], marker=markers[index % 7], label=kind, **style)
    axes.axhline(0.5, color="gray", linewidth=1, linestyle=":")
    axes.set_xlabel("level of damage")
    axes.set_ylabel("AUC per video")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save(figure, path)


def _styles(count: int) -> list[dict[str, Any]]:
    dashes = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1))]
    colors = [DARK, MIDDLE, "#4c8c4a", "#7b4f9d", "#8a6d00", "#b03060"]
    return [
        {"linestyle": dashes[index % 6], "color": colors[index % 6], "linewidth": 2 if index else 3}
        for index in range(count)
    ]


def reliability(path: pathlib.Path, videos: Scores, calibration: Calibration) -> None:
    """Draws the fraction of fakes against the predicted probability, in ten bins."""
    figure = Figure(figsize=(4.6, 4.4))
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], ":", color="gray", linewidth=1)
    for name, scale, style, color in (
        ("before", 1.0, "s--", MIDDLE),
        ("after temperature", calibration.temperature, "o-", DARK),
    ):
        means, fractions, _ = metrics.reliability(videos.labels, videos.logits / scale)
        axes.plot(means, fractions, style, color=color, label=name, markersize=5)
    axes.set_xlabel("mean predicted probability of fake")
    axes.set_ylabel("fraction of fakes")
    axes.grid(alpha=0.3)
    axes.legend()
    save(figure, path)


def strips(path: pathlib.Path, clips: Sequence[Strip]) -> None:
    """Draws clips as rows of frames under their titles; a note if there are none."""
    figure = Figure(figsize=(9, max(1.0, 1.15 * len(clips))))
    if not clips:
        figure.text(0.5, 0.5, "No clip is on the wrong side of the threshold.", ha="center")
    else:
        for axes, clip in zip(figure.subplots(len(clips), squeeze=False)[:, 0], clips, strict=True):
            axes.imshow(np.concatenate(list(clip.frames), axis=1))
            axes.set_title(clip.title, fontsize=8, loc="left", pad=2)
            axes.axis("off")
    save(figure, path)


def layers(path: pathlib.Path, boxes: Sequence[Box]) -> None:
    """Draws the layers from top to bottom with their input and output shapes."""
    figure = Figure(figsize=(7, 0.82 * len(boxes)))
    axes = figure.subplots()
    for index, box in enumerate(boxes):
        top = -index
        axes.add_patch(patches.Rectangle((0, top), 2.7, 0.7, facecolor=LIGHT, edgecolor=DARK))
        axes.add_patch(patches.Rectangle((2.7, top), 3.1, 0.7, facecolor="white", edgecolor=DARK))
        parameters = f"\n{box.num_params:,} parameters" if box.num_params else ""
        axes.text(1.35, top + 0.35, box.name + parameters, ha="center", va="center", fontsize=9)
        shapes = f"input    {_shape(box.input)}\noutput  {_shape(box.output)}"
        axes.text(2.85, top + 0.35, shapes, ha="left", va="center", fontsize=9)
        if index:
            arrow = {"arrowstyle": "->", "color": DARK}
            axes.annotate("", (2.9, top + 0.7), (2.9, top + 1), arrowprops=arrow)
    axes.set_xlim(-0.1, 5.9)
    axes.set_ylim(-len(boxes) + 0.9, 0.8)
    axes.axis("off")
    save(figure, path)


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(['batch', *map(str, shape)])})"
