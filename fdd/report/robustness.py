"""The results on damaged videos: a table, a file and a figure."""

import json
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from fdd import tables
from fdd.evaluation import robustness
from fdd.report import figures
from fdd.video import perturbations


def table(
    areas: Mapping[str, Sequence[float]], answered: Mapping[str, Sequence[float]] | None = None
) -> str:
    """AUC by kind of damage and level, and the share of videos with an answer, as plain text."""
    text = _table("AUC per video", areas)
    return text if not answered else f"{text}\n\n{_table('share answered', answered)}"


def _table(title: str, areas: Mapping[str, Sequence[float]]) -> str:
    lines = [[title, *(f"level {level}" for level in perturbations.LEVELS), "mean"]]
    for kind in perturbations.KINDS:
        values = areas[kind]
        lines.append([kind, *map(_number, values), _number(float(np.mean(values)))])
    return f"undamaged: {_number(areas[robustness.CLEAN][0])}\n{tables.aligned(lines)}"


def _number(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.3f}"


def write(
    out: pathlib.Path,
    areas: Mapping[str, Sequence[float]],
    answered: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Writes robustness.json and robustness.png."""
    out.mkdir(parents=True, exist_ok=True)
    known = {
        kind: [None if np.isnan(value) else value for value in values]
        for kind, values in areas.items()
    }
    content = {**known, "answered": dict(answered)} if answered else known
    (out / "robustness.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    damaged = {kind: areas[kind] for kind in perturbations.KINDS}
    figures.severity(out / "robustness.png", areas[robustness.CLEAN][0], damaged)
