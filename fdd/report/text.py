"""The report as text and tables."""

import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

from fdd import tables
from fdd.data.records import Dataset
from fdd.evaluation import pooling
from fdd.pages.plain import in_markdown
from fdd.runs import workdir

_HEADINGS = ["scores", "real", "fake", "accuracy", "AUC", "log loss"]
_MATRIX_HEADINGS = ["true class", "called real", "called fake"]
_VERSIONS = ("fdd", "jax", "flax", "optax", "grain", "tensorflow-datasets", "av", "numpy")


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"


def _with_interval(values: Mapping[str, Any], name: str) -> str:
    limits = values["intervals"][name]
    if values[name] is None:
        return "n/a"
    between = f"{limits[0]:.3f}, {limits[1]:.3f}" if limits else "not given"
    return f"{_number(values[name])} [{between}]"


def _row(name: str, values: Mapping[str, Any], intervals: bool) -> list[str]:
    with_interval = intervals and "intervals" in values
    columns = ("accuracy", "auc")
    return [
        name,
        str(values.get("num_real", "")),
        str(values.get("num_fake", "")),
        *(_with_interval(values, c) if with_interval else _number(values[c]) for c in columns),
        _number(values["log_loss"]) if "log_loss" in values else "",
    ]


def _rows(summary: Mapping[str, Any], intervals: bool = False) -> list[list[str]]:
    """Accuracy, AUC and log loss over all, and for each method."""
    levels = [("all, per video", summary["video"]), ("all, per clip", summary["clip"])]
    methods = [(f"{name}, per video", values) for name, values in summary["per_method"].items()]
    rows = [_row(name, values, intervals) for name, values in levels + methods]
    if len(methods) > 1:
        rows.append(_row("mean over methods", summary["macro"], intervals))
    return rows


def _basis(summary: Mapping[str, Any]) -> str:
    """How the intervals were computed; each way once, with the rows that use it."""
    rows = {"all": summary["video"], **summary["per_method"]}
    ways: dict[str, list[str]] = {}
    for name, values in rows.items():
        ways.setdefault(values["interval_basis"]["words"], []).append(in_markdown(name))
    return "\n".join(f"- {', '.join(names)}: {words}" for words, names in ways.items())


def _matrix(summary: Mapping[str, Any]) -> list[list[str]]:
    (tn, fp), (fn, tp) = summary["video"]["confusion_matrix"]
    return [["real", str(tn), str(fp)], ["fake", str(fn), str(tp)]]


def _markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    named = [[in_markdown(name), *numbers] for name, *numbers in rows]
    lines = [map(in_markdown, headings), ["---", *["---:"] * (len(headings) - 1)], *named]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def terminal(summary: Mapping[str, Any]) -> str:
    """The confusion matrix and the metrics as plain text.

    Args:
        summary: The contents of metrics.json.
    """
    title = f"{summary['split']} split, checkpoint of step {summary['checkpoint_step']}"
    matrix = tables.aligned([_MATRIX_HEADINGS, *_matrix(summary)])
    failed = "".join(f"\n{note}\n" for note in summary["notes"])
    if summary["failed_videos"]:
        failed += f"\nVideos without a usable clip, not counted above: {summary['failed_videos']}\n"
    return f"\n{title}\n\n{matrix}\n\n{tables.aligned([_HEADINGS, *_rows(summary)])}\n{failed}"


def _calibration(summary: Mapping[str, Any]) -> str:
    before, after = summary["video"], summary["calibrated"]["video"]
    names = {
        "accuracy": "accuracy",
        "accuracy_real": "accuracy on reals",
        "accuracy_fake": "accuracy on fakes",
        "log_loss": "log loss",
        "brier_score": "Brier score",
        "expected_calibration_error": "expected calibration error",
    }
    rows = [[title, _number(before[key]), _number(after[key])] for key, title in names.items()]
    return _markdown_table(["per video", "before", "after"], rows)


def _further(summary: Mapping[str, Any]) -> str:
    names = {
        "average_precision": "average precision",
        "equal_error_rate": "equal error rate",
        "tpr_at_1_percent_fpr": "true positive rate at 1 % false positive rate",
        "tpr_at_5_percent_fpr": "true positive rate at 5 % false positive rate",
    }
    columns = {"all": summary["video"], **summary["per_method"]}
    rows = [[title, *(_number(v[key]) for v in columns.values())] for key, title in names.items()]
    return _markdown_table(["per video", *columns], rows)


def _failures(count: int, reasons: Mapping[str, int]) -> str:
    if not count:
        return "Every video of the split gave at least one clip."
    listed = "; ".join(f"{in_markdown(reason)}: {number}" for reason, number in reasons.items())
    return (
        f"{count} videos gave no clip and are not counted above ({listed}). The data set's "
        "`failures.csv` names them."
    )


_CURVES = """\
## Training

The curves are per clip; `metrics.jsonl` has the numbers.

![loss](loss.png)

![accuracy](accuracy.png)
"""


def _weights(summary: Mapping[str, Any]) -> str:
    """Which weights it has, as a sentence."""
    if summary["checkpoint_step"] is None:
        return f"Its weights are published: {in_markdown(summary['weights'])}."
    chosen = "the one with the lowest validation loss"
    if not summary["calibrated"]["fitted"]:
        chosen = "the last one (validation has only one class, so the best cannot be chosen)"
    return f"It is the checkpoint of step {summary['checkpoint_step']}, {chosen}."


def _how_calibrated(calibration: Mapping[str, Any]) -> str:
    if not calibration["fitted"]:
        return (
            "Temperature and threshold were **not fitted**, because "
            f"{in_markdown(calibration['reason'])}: the\ntemperature is 1, the threshold 0, and no "
            "probability is calibrated."
        )
    return (
        f"On validation, the temperature {calibration['temperature']:.3f} and the threshold\n"
        f"{calibration['threshold']:+.3f} (of the logit) were fitted; the columns compare logits "
        "as they are and\nthreshold 0 with logits divided by the temperature and the fitted "
        "threshold."
    )


def markdown(
    summary: Mapping[str, Any],
    config: ml_collections.ConfigDict,
    name: str,
    dataset: Dataset,
    failure_reasons: Mapping[str, int],
    with_curves: bool,
) -> str:
    """The whole report, with links to its figures.

    Args:
        summary: The contents of metrics.json.
        config: The run's config.
        name: The run's name.
        dataset: The data set that was scored.
        failure_reasons: The number of failed videos for each reason.
        with_curves: Whether there are figures of training.
    """
    parts = [
        f"# Report of the run {in_markdown(name)}\n",
        _result(summary, failure_reasons),
        *(f"**{in_markdown(note)}**\n" for note in summary["notes"]),
        _numbers(summary),
        _decisions(summary),
        *([_CURVES] if with_curves else []),
        _LIMITS,
        _origin(config, dataset),
    ]
    return "\n".join(parts)


def _result(summary: Mapping[str, Any], failure_reasons: Mapping[str, int]) -> str:
    video, area = summary["video"], _with_interval(summary["video"], "auc")
    return f"""\
On the {summary["split"]} split, {video["num_real"]} real and {video["num_fake"]} fake videos, the
detector classifies {video["accuracy"]:.2%} of the videos correctly; AUC {area}.
{_weights(summary)}
A video's score is {pooling.WORDS[summary["video_score"]]}; above 0 it is called fake.
{_failures(summary["failed_videos"], failure_reasons)}
"""


def _numbers(summary: Mapping[str, Any]) -> str:
    return f"""\
## Confusion matrix, per video

{_markdown_table(_MATRIX_HEADINGS, _matrix(summary))}

![confusion matrix](confusion_matrix.png)

## Metrics

The brackets are 95 % intervals: the range of the numbers with other people, for the same kinds of
video and this one training. They come from leaving out people in turn with all their videos
(jackknife, Student's t on the logit scale). A method's row compares its fakes with all real
videos.

{_markdown_table(_HEADINGS, _rows(summary, intervals=True))}

{_basis(summary)}

{_further(summary)}

![ROC curve](roc.png)
"""


def _decisions(summary: Mapping[str, Any]) -> str:
    return f"""\
## Calibration

{_how_calibrated(summary["calibrated"])}

{_calibration(summary)}

![reliability diagram](reliability.png)

## Worst errors

The clips furthest on the wrong side of the threshold, at most one per video.

![clips that were classified wrongly](errors.png)
"""


_LIMITS = """\
## Model

![layers](model.png)

## Intended use and limits

This detector distinguishes the kinds of real and fake video that it was trained on, cut in the way
given below. With other forgeries, other cameras, stronger compression or another crop it can be
wrong with high probabilities; `python -m fdd.evaluate --dataset=DIR` measures it on another data
set. Its probability holds for videos like those of its validation split, with that split's fraction
of fakes. It is a research instrument; no decision about a person should depend on its score alone.
"""


def _origin(config: ml_collections.ConfigDict, dataset: Dataset) -> str:
    settings = json.dumps(workdir.plain(config), indent=2, sort_keys=True)
    preprocessing = json.dumps(dataset.preprocessing, indent=2, sort_keys=True)
    versions = ", ".join(f"{each} {importlib.metadata.version(each)}" for each in _VERSIONS)
    return f"""\
## Data, preprocessing, versions

Data set: {in_markdown(str(dataset.folder))}, key `{dataset.key}`, preprocessing
fingerprint `{dataset.fingerprint}`. Python {platform.python_version()}, {versions}.

```json
{preprocessing}
```

## Config

```json
{settings}
```
"""
