"""python -m fdd.compare DIR DIR ...: several runs in one table, and their ROC curves in one figure.

Runs whose configs agree but for the seed share a line: mean ± standard deviation over the seeds.
"""

import argparse
import csv
import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from fdd import commands, home
from fdd.data.catalog import LABELS
from fdd.errors import UserError
from fdd.workdir import read_json

_PICTURES = (".png", ".pdf", ".eps")


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A run with a report.

    Attributes:
        folder: Its workdir.
        settings: Its config without the seed, as text.
        metrics: The contents of metrics.json.
    """

    folder: pathlib.Path
    settings: str
    metrics: dict[str, Any]

    def video_scores(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels (1: fake) and mean logits of the test videos, read from predictions.csv.

        Raises:
            UserError: it is missing or damaged.
        """
        logits: dict[str, list[float]] = {}
        labels: dict[str, int] = {}
        path = self.folder / "report/predictions.csv"
        try:
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    logits.setdefault(row["video_id"], []).append(float(row["logit"]))
                    labels[row["video_id"]] = LABELS.index(row["label"])
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, csv.Error):
            raise UserError(f"{path} is damaged: --mode=eval writes it anew") from None
        if not labels or not all(np.isfinite(each).all() for each in logits.values()):
            raise UserError(f"{path} is damaged: --mode=eval writes it anew")
        means = [np.mean(logits[video]) for video in labels]
        return np.array(list(labels.values())), np.array(means)


def read_run(folder: pathlib.Path) -> FinishedRun:
    """Reads a run.

    Raises:
        UserError: there is none, or it has no report yet.
    """
    try:
        config = read_json(folder / "config.json")
        metrics = read_json(folder / "report/metrics.json", "--mode=eval writes it anew")
    except FileNotFoundError as error:
        missing = pathlib.Path(error.filename).name
        raise UserError(f"{folder} holds no finished run: {missing} is missing") from None
    if not isinstance(metrics.get("per_method"), dict) or not {"accuracy", "auc"} <= set(
        metrics.get("video", ())
    ):
        raise UserError(f"{folder}/report/metrics.json lacks values: --mode=eval writes it anew")
    config.pop("seed", None)
    return FinishedRun(folder, json.dumps(config, sort_keys=True), metrics)


def group(runs: Sequence[FinishedRun]) -> list[list[FinishedRun]]:
    """Puts runs together whose configs agree but for the seed, in order of appearance."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(run.settings, []).append(run)
    return list(groups.values())


def table(groups: Sequence[Sequence[FinishedRun]]) -> str:
    """One line per group: test accuracy and AUC per video, and each method's AUC."""
    from fdd import tables

    methods = sorted(
        {name for runs in groups for run in runs for name in run.metrics["per_method"]}
    )
    lines = [["run", "seeds", "accuracy", "AUC", *methods]]
    for runs in groups:
        videos = [run.metrics["video"] for run in runs]
        cells = [_mean([video["accuracy"] for video in videos])]
        cells.append(_mean([video["auc"] for video in videos]))
        for method in methods:
            areas = [run.metrics["per_method"].get(method, {}).get("auc") for run in runs]
            cells.append(_mean(areas))
        lines.append([_name(runs), str(len(runs)), *cells])
    return tables.aligned(lines)


def _name(runs: Sequence[FinishedRun]) -> str:
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    return f"{runs[0].folder.name}{more}"


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return "n/a"
    spread = f" ± {np.std(known, ddof=1):.4f}" if len(known) > 1 else ""
    return f"{np.mean(known):.4f}{spread}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error the user can put right ends it with one line and status 1."""
    parser = argparse.ArgumentParser(prog="python -m fdd.compare", description=__doc__)
    parser.add_argument(
        "runs", type=pathlib.Path, nargs="+", metavar="DIR", help="workdir of a run"
    )
    parser.add_argument(
        "--figure", type=pathlib.Path, default=pathlib.Path("runs/compare.png"), help="ROC curves"
    )
    options = parser.parse_args(arguments)
    with commands.one_line(options.figure):
        _run(options.runs, options.figure)


def _run(folders: Sequence[pathlib.Path], figure: pathlib.Path) -> None:
    if figure.suffix.lower() not in _PICTURES:
        raise UserError(f"--figure={figure} must end in one of {', '.join(_PICTURES)}")
    home.give_matplotlib_a_folder()
    from fdd.report import figures

    runs = [read_run(folder) for folder in folders]
    scores = {str(run.folder): run.video_scores() for run in runs}
    print(table(group(runs)))
    try:
        figure.parent.mkdir(parents=True, exist_ok=True)
        figures.rocs(figure, scores)
    except OSError as error:
        raise UserError(
            f"--figure={figure} cannot be written ({error.strerror}): name another file"
        ) from None
    print(f"ROC curves: {figure}")


if __name__ == "__main__":
    main()
