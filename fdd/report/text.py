"""The report in words and tables."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

from fdd import tables, workdir


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"


def _rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """Accuracy, AUC and log loss over all, and for each method."""
    levels = [("all, per video", summary["video"]), ("all, per clip", summary["clip"])]
    methods = [(f"{name}, per video", values) for name, values in summary["per_method"].items()]
    return [
        [
            name,
            str(values["num_real"]),
            str(values["num_fake"]),
            _number(values["accuracy"]),
            _number(values["auc"]),
            _number(values["log_loss"]),
        ]
        for name, values in levels + methods
    ]


_HEADINGS = ["scores", "real", "fake", "accuracy", "AUC", "log loss"]


def _matrix(summary: Mapping[str, Any]) -> list[list[str]]:
    (tn, fp), (fn, tp) = summary["video"]["confusion_matrix"]
    return [["real", str(tn), str(fp)], ["fake", str(fn), str(tp)]]


_MATRIX_HEADINGS = ["true class", "called real", "called fake"]


def _markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def terminal(summary: Mapping[str, Any]) -> str:
    """The confusion matrix and the metrics as plain text.

    Args:
        summary: The contents of metrics.json.
    """
    title = f"{summary['split']} split, checkpoint of step {summary['checkpoint_step']}"
    matrix = tables.aligned([_MATRIX_HEADINGS, *_matrix(summary)])
    return f"\n{title}\n\n{matrix}\n\n{tables.aligned([_HEADINGS, *_rows(summary)])}\n"


def markdown(summary: Mapping[str, Any], config: ml_collections.ConfigDict, name: str) -> str:
    """The whole report, with links to the figures beside it.

    Args:
        summary: The contents of metrics.json.
        config: The run's config.
        name: The run's name.
    """
    video = summary["video"]
    settings = json.dumps(workdir.plain(config), indent=2, sort_keys=True)
    return f"""# Report of the run {name}

On the {summary["split"]} split, {video["num_real"]} real and {video["num_fake"]} fake videos, the
checkpoint of step {summary["checkpoint_step"]} (the one with the lowest validation loss) classifies
{video["accuracy"]:.2%} of the videos correctly. A video's score is the mean logit of its clips;
above 0 it is called fake.

## Confusion matrix, per video

{_markdown_table(_MATRIX_HEADINGS, _matrix(summary))}

![confusion matrix](confusion_matrix.png)

## Metrics

A method's row is about its fakes against all real videos.

{_markdown_table(_HEADINGS, _rows(summary))}

![ROC curve](roc.png)

## Training

Curves of single clips, in steps of training; `metrics.jsonl` has the numbers.

![loss](loss.png)

![accuracy](accuracy.png)

## Model

![layers](model.png)

## Config

```json
{settings}
```
"""
