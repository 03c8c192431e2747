"""What validation videos got, as a file beside a detector's weights."""

import json
import math
import pathlib

import numpy as np

from fdd.errors import UserError, shown
from fdd.evaluation.conformal import Validated
from fdd.runs.workdir import read_json
from fdd.system import whole

FILE = "validated.json"
_FORMAT = 1
_COLUMNS = ("labels", "logits", "groups")
_AGAIN = (
    "delete it, and python -m fdd.main --mode=eval (for published weights, fdd.evaluate "
    "--calibrate) writes it again"
)


def write(file: pathlib.Path, validated: Validated, belongs_to: str) -> None:
    """Stores it.

    Args:
        file: The file; replaced once the new one is whole.
        validated: What to store.
        belongs_to: Identifies the weights.

    Raises:
        UserError: it cannot be written.
    """
    columns = (validated.labels, validated.logits, validated.groups)
    content = {
        "format": _FORMAT,
        "belongs_to": belongs_to,
        "source": validated.source,
        **{name: each.tolist() for name, each in zip(_COLUMNS, columns, strict=True)},
    }
    whole.write(file, f"{json.dumps(content)}\n".encode())


def read(file: pathlib.Path, belongs_to: str) -> Validated | None:
    """What is stored; None if there is no file, or it is of other weights or another version.

    Raises:
        UserError: it is damaged.
    """
    try:
        content = read_json(file, _AGAIN)
    except FileNotFoundError:
        return None
    if (content.get("format"), content.get("belongs_to")) != (_FORMAT, belongs_to):
        return None
    try:
        labels, logits, groups = (content[name] for name in _COLUMNS)
        rows = list(zip(labels, map(float, logits), groups, strict=True))
        if not all(
            label in (0, 1) and math.isfinite(logit) and isinstance(group, int)
            for label, logit, group in rows
        ):
            raise ValueError
        return Validated(
            *(np.array(each) for each in (labels, logits, groups)), str(content["source"])
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UserError(f"{shown(str(file))} is damaged: {_AGAIN}") from None
