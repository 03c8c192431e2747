"""Several finished runs in one table, and what sets them apart on the same videos."""

import csv
import dataclasses
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fdd import tables
from fdd.data.catalog import LABELS
from fdd.errors import UserError
from fdd.evaluation import intervals, pooling
from fdd.evaluation.weighted import accuracy_and_auc
from fdd.report import figures
from fdd.runs.workdir import read_json

_PICTURES = (".png", ".pdf", ".eps")


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A run with a report.

    Attributes:
        folder: Its workdir.
        seed: Its config's seed.
        settings: Its config without the seed, as text.
        metrics: The contents of metrics.json.
    """

    folder: pathlib.Path
    seed: int | None
    settings: str
    metrics: dict[str, Any]

    def videos(self) -> "Videos":
        """The test videos, read from predictions.csv.

        Raises:
            UserError: it is missing or damaged.
        """
        logits: dict[str, list[float]] = {}
        rows: dict[str, dict[str, str]] = {}
        path = self.folder / "report/predictions.csv"
        try:
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    logits.setdefault(row["video_id"], []).append(float(row["logit"]))
                    rows[row["video_id"]] = row
            names = sorted(rows)
            labels = np.array([LABELS.index(rows[name]["label"]) for name in names])
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, csv.Error):
            raise UserError(f"{path} is damaged: --mode=eval writes it again") from None
        kind = self.metrics.get("video_score", pooling.POOLINGS[0])  # Older reports lack it.
        of_videos = np.array([pooling.pooled(logits[name], kind) for name in names])
        clips = self.metrics.get("clip", {})
        counted = [clips.get(f"num_{label}") for label in LABELS]
        cut_short = None not in counted and sum(counted) != sum(map(len, logits.values()))
        if not names or not np.isfinite(of_videos).all() or cut_short:
            raise UserError(f"{path} is damaged: --mode=eval writes it again")
        people = None
        if all({"target_person", "source_person"} <= rows[name].keys() for name in names):
            people = [[rows[n][f"{role}_person"] for n in names] for role in ("target", "source")]
        return Videos(names=names, labels=labels, logits=of_videos, people=people)

    def video_scores(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels (1: fake) and logits of the test videos."""
        videos = self.videos()
        return videos.labels, videos.logits


@dataclasses.dataclass(frozen=True)
class Videos:
    """Scores of n videos.

    Attributes:
        names: (method, video) of each, sorted.
        labels: int [n]; 1 for fake.
        logits: float [n]; pooled over a video's clips.
        people: Targets and sources; None in a report of an older version.
    """

    names: Sequence[str]
    labels: np.ndarray
    logits: np.ndarray
    people: Sequence[Sequence[str]] | None


def read_run(folder: pathlib.Path) -> FinishedRun:
    """Reads a run.

    Raises:
        UserError: there is none, or it has no report yet.
    """
    try:
        config = read_json(folder / "config.json")
        metrics = read_json(folder / "report/metrics.json", "--mode=eval writes it again")
    except FileNotFoundError as error:
        missing = pathlib.Path(error.filename).name
        raise UserError(f"{folder} holds no finished run: {missing} is missing") from None
    seed = config.pop("seed", None)
    settings = json.dumps(config, sort_keys=True)
    return FinishedRun(folder=folder, seed=seed, settings=settings, metrics=metrics)


def _require_values(run: FinishedRun) -> None:
    video, methods = (run.metrics.get(key) for key in ("video", "per_method"))
    if (
        not isinstance(methods, dict)
        or not isinstance(video, dict)
        or not {"accuracy", "auc"} <= video.keys()
    ):
        raise UserError(
            f"{run.folder}/report/metrics.json lacks values: --mode=eval writes it again"
        )


def group(runs: Sequence[FinishedRun]) -> list[list[FinishedRun]]:
    """Groups runs of one data set whose configs differ only in the seed, in order of appearance.

    Raises:
        UserError: two runs of a group have the same seed, so the spread would not be over seeds.
    """
    groups: dict[tuple[str, str], dict[int | None, FinishedRun]] = {}
    for run in runs:
        seeds = groups.setdefault((run.settings, _data_set(run)), {})
        if (first := seeds.setdefault(run.seed, run)) is not run:
            raise UserError(
                f"{first.folder} and {run.folder} are the same run, or two with the same config "
                "and seed: name one of them"
            )
    return [[*seeds.values()] for seeds in groups.values()]


def data_sets(groups: Sequence[Sequence[FinishedRun]]) -> str:
    """Says which data sets the groups were tested on, if they are not the same; otherwise ''."""
    names = {_name(runs): _data_set(runs[0]) for runs in groups}
    if len({*names.values()}) < 2:
        return ""
    listed = "; ".join(f"{name}: {data_set}" for name, data_set in names.items())
    return f"These runs were tested on different data sets. {tables.escaped(listed)}"


def _data_set(run: FinishedRun) -> str:
    """The name and key of the data set that a run was tested on."""
    found = run.metrics.get("data_set")
    if not isinstance(found, dict):
        return "not recorded"
    return f"{found.get('name')}, key {found.get('key')}"


def table(groups: Sequence[Sequence[FinishedRun]]) -> str:
    """One line per group: test accuracy and AUC per video, and each method's AUC."""
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


def differences(groups: Sequence[Sequence[FinishedRun]]) -> str:
    """How much better each group is than the first one on the same videos, with 95 % intervals.

    The intervals are over the people in the test set (`fdd.evaluation.intervals`), for these seeds.
    Empty if there is only one group.
    """
    if len(groups) < 2:
        return ""
    base, *others = [[run.videos() for run in runs] for runs in groups]
    if any(videos.people is None for videos in base):
        return f"No differences: the report of {_name(groups[0])} is of an older version."
    found = intervals.units(base[0].labels, *base[0].people)
    lines = [[f"minus {_name(groups[0])}", "accuracy", "95 % interval", "AUC", "95 % interval"]]
    words = ""
    for runs, videos in zip(groups[1:], others, strict=True):
        if any(each.names != base[0].names for each in [*base, *videos]):
            lines.append([_name(runs), "other videos", "", "", ""])
            continue
        made = intervals.estimate(_difference(videos, base), found)
        limits = made.limits(bounded=False)
        cells = [_signed(*each) for each in zip(made.values, limits, strict=True)]
        lines.append([_name(runs), *(cell for pair in cells for cell in pair)])
        words = made.words()
    return "\n".join(filter(None, [tables.aligned(lines), words]))


def _difference(
    ours: Sequence[Videos], base: Sequence[Videos]
) -> Callable[[np.ndarray], np.ndarray]:
    """Mean accuracy and AUC over our runs minus those over the base's, for any weights."""
    first, second = ([accuracy_and_auc(v.labels, v.logits) for v in each] for each in (ours, base))

    def statistic(weights: np.ndarray) -> np.ndarray:
        means = [np.mean([each(weights) for each in part], axis=0) for part in (first, second)]
        return means[0] - means[1]

    return statistic


def _signed(value: float, limits: np.ndarray) -> tuple[str, str]:
    if np.isnan(value):
        return "n/a", "n/a"
    between = "not given" if np.isnan(limits).any() else f"{limits[0]:+.4f} to {limits[1]:+.4f}"
    return f"{value:+.4f}", between


def _name(runs: Sequence[FinishedRun]) -> str:
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    return f"{runs[0].folder.name}{more}"


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return "n/a"
    spread = f" ± {np.std(known, ddof=1):.4f}" if len(known) > 1 else ""
    return f"{np.mean(known):.4f}{spread}"


def compare(folders: Sequence[pathlib.Path], figure: pathlib.Path) -> None:
    """Prints the runs' table and their differences, and draws their ROC curves.

    Args:
        folders: Workdirs of finished runs.
        figure: The picture's file; .png, .pdf or .eps.

    Raises:
        UserError: a run is not finished or damaged, two have the same config and seed, or the
            picture cannot be written.
    """
    if figure.suffix.lower() not in _PICTURES:
        raise UserError(f"--figure={figure} must end in one of {', '.join(_PICTURES)}")
    runs = [read_run(folder) for folder in folders]
    for run in runs:
        _require_values(run)
    scores = {str(run.folder): run.video_scores() for run in runs}
    groups = group(runs)
    print("\n\n".join(filter(None, [table(groups), data_sets(groups), differences(groups)])))
    try:
        figure.parent.mkdir(parents=True, exist_ok=True)
        figures.rocs(figure, scores)
    except OSError as error:
        raise UserError(
            f"--figure={figure} cannot be written ({error.strerror}): name another file"
        ) from None
    print(f"ROC curves: {figure}")
