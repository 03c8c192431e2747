"""The results on damaged videos: a table, a file and a figure."""

import json
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from fdd import tables
from fdd.evaluation import robustness
from fdd.report import figures
from fdd.video import perturbations


def table(areas: Mapping[str, Sequence[float]]) -> str:
    """AUC by kind of damage and level, as plain text."""
    lines = [["AUC per video", *(f"level {level}" for level in perturbations.LEVELS), "mean"]]
    for kind in perturbations.KINDS:
        values = areas[kind]
        lines.append([kind, *map(_number, values), _number(float(np.mean(values)))])
    return f"undamaged: {_number(areas[robustness.CLEAN][0])}\n{tables.aligned(lines)}"


def _number(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.3f}"


def write(out: pathlib.Path, areas: Mapping[str, Sequence[float]]) -> None:
    """Writes robustness.json and robustness.png."""
    out.mkdir(parents=True, exist_ok=True)
    known = {
        kind: [None if np.isnan(value) else value for value in values]
        for kind, values in areas.items()
    }
    (out / "robustness.json").write_text(json.dumps(known, indent=2, allow_nan=False) + "\n")
    damaged = {kind: areas[kind] for kind in perturbations.KINDS}
    figures.severity(out / "robustness.png", areas[robustness.CLEAN][0], damaged)
