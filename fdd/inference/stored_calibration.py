"""The calibration of published weights on the user's videos, kept beside them or at home."""

import dataclasses
import json
import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from fdd.errors import UserError, shown
from fdd.evaluation.calibration import Calibration
from fdd.evaluation.conformal import Validated
from fdd.evaluation.familiarity import Familiarity
from fdd.models.weights import hub
from fdd.runs import familiarity_file, validated_file
from fdd.runs.workdir import read_json
from fdd.system import hashes, whole

_FILE = "calibration.json"
MISSING = (
    "its weights were published without, and nothing was calibrated on your videos yet (python -m "
    "fdd.evaluate --detector=… --calibrate=DATASET_DIR does)"
)
"""Why a published detector is not calibrated."""


def place(name: str | pathlib.Path) -> pathlib.Path:
    """The file: in a detector's folder; of one from the hub, in the user's home.

    Raises:
        UserError: there is no home.
    """
    if isinstance(name, pathlib.Path):
        return name / _FILE
    try:
        data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
        home = pathlib.Path(data).expanduser()
    except RuntimeError:
        raise UserError("this account has no home folder: set HOME or XDG_DATA_HOME") from None
    return home / "fdd" / name.removeprefix(hub.HUB).replace("/", "--") / _FILE


def read(name: str | pathlib.Path, files: Sequence[pathlib.Path], fingerprint: str) -> Calibration:
    """The stored calibration; a neutral one, which says why, if there is none.

    Args:
        name: hf://OWNER/NAME, or a folder.
        files: Of the weights.
        fingerprint: Of the preprocessing.

    Raises:
        UserError: it is damaged, or was fitted with other weights or other preprocessing.
    """
    file = place(name)
    again = "calibrate again (--calibrate=DATASET_DIR), or delete it"
    try:
        content = read_json(file, again)
    except FileNotFoundError:
        return Calibration(fitted=False, reason=MISSING)
    if content.get("weights") != _hash(files) or content.get("fingerprint") != fingerprint:
        raise UserError(
            f"{shown(str(file))} was fitted with other weights or another way of cutting faces: "
            f"{again}"
        )
    try:
        temperature, threshold = (float(content[key]) for key in ("temperature", "threshold"))
        if not temperature > 0 or not math.isfinite(temperature) or not math.isfinite(threshold):
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UserError(f"{shown(str(file))} is damaged, it lacks numbers: {again}") from None
    return Calibration(temperature=temperature, threshold=threshold)


def read_known(
    name: str | pathlib.Path, files: Sequence[pathlib.Path], fingerprint: str
) -> tuple[Familiarity | None, Validated | None]:
    """The stored familiarity, and what validation videos got; None for what is not stored, or is
    of other weights.

    Args:
        name: As for `read`, as are the next two.
        files: Of the weights.
        fingerprint: Of the preprocessing.

    Raises:
        UserError: a file is damaged.
    """
    folder = place(name).parent
    familiarity, validated = folder / familiarity_file.FILE, folder / validated_file.FILE
    if not (familiarity.exists() or validated.exists()):
        return None, None  # Hashing large weights takes time.
    of = f"{_hash(files)} {fingerprint}"
    return familiarity_file.read(familiarity, of), validated_file.read(validated, of)


def write_known(
    name: str | pathlib.Path,
    files: Sequence[pathlib.Path],
    fingerprint: str,
    familiarity: Familiarity,
    validated: Validated,
) -> None:
    """Stores what `read_known` reads beside the calibration, which must be there.

    Args:
        name: As for `read`, as are the next two.
        files: Of the weights.
        fingerprint: Of the preprocessing.
        familiarity: What to store.
        validated: Likewise.

    Raises:
        UserError: a file cannot be written.
    """
    folder, of = place(name).parent, f"{_hash(files)} {fingerprint}"
    familiarity_file.write(folder / familiarity_file.FILE, familiarity, of)
    validated_file.write(folder / validated_file.FILE, validated, of)


def write(
    name: str | pathlib.Path,
    files: Sequence[pathlib.Path],
    fingerprint: str,
    calibration: Calibration,
    facts: Mapping[str, Any],
) -> pathlib.Path:
    """Stores a calibration; returns the file.

    Args:
        name: As for `read`, as are the next two.
        files: Of the weights.
        fingerprint: Of the preprocessing.
        calibration: The calibration.
        facts: What it was fitted on.

    Raises:
        UserError: it cannot be written.
    """
    file = place(name)
    content = {
        **dataclasses.asdict(calibration),
        "weights": _hash(files),
        "fingerprint": fingerprint,
        "fitted_on": dict(facts),
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole.replaced(file) as partial:
            partial.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise UserError(f"{shown(str(file))} cannot be written: {error.strerror}") from None
    return file


def _hash(files: Sequence[pathlib.Path]) -> str:
    return " ".join(hashes.sha256(file) for file in files)
