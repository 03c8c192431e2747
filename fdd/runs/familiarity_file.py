"""A detector's familiarity as a file beside its weights."""

import hashlib
import json
import math
import pathlib
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from fdd.errors import UserError, shown
from fdd.evaluation.familiarity import Familiarity, Gaussian
from fdd.runs import checksums
from fdd.system import whole

FILE = "familiarity.safetensors"
_KNOWN = "known"
_FORMAT = 2  # Changes when the parts of an encoder, or what is computed of them, change.


def of_checkpoint(checkpoints: pathlib.Path, step: int) -> str:
    """What a file of a run's checkpoint belongs to: the step and the checkpoint's checksums."""
    file = checkpoints / str(step) / checksums.FILE
    content = file.read_bytes() if file.exists() else b""
    return f"step {step} {hashlib.sha256(content).hexdigest()}"


def write(file: pathlib.Path, familiarity: Familiarity, belongs_to: str) -> None:
    """Stores it.

    Args:
        file: The file; replaced once the new one is whole.
        familiarity: What to store.
        belongs_to: Identifies the weights.

    Raises:
        UserError: it cannot be written.
    """
    whole.write(file, serialized(familiarity, belongs_to))


def serialized(familiarity: Familiarity, belongs_to: str = "") -> bytes:
    """The file's content."""
    facts = {
        "format": _FORMAT,
        "belongs_to": belongs_to,
        "share": familiarity.share,
        "threshold": familiarity.threshold,
        "usual": {name: part.usual for name, part in familiarity.parts.items()},
        "ranges": familiarity.ranges,
        "source": familiarity.source,
    }
    return safetensors.numpy.save(tensors(familiarity), {"familiarity": json.dumps(facts)})


def tensors(familiarity: Familiarity) -> dict[str, np.ndarray]:
    """Its arrays by name."""
    arrays = {_KNOWN: familiarity.known}
    for name, part in familiarity.parts.items():
        arrays[f"{name}.mean"] = part.mean
        arrays[f"{name}.whitening"] = np.ascontiguousarray(part.whitening)
    return arrays


def read(file: pathlib.Path, belongs_to: str) -> Familiarity | None:
    """What is stored; None if there is no file, or it is of other weights or another version.

    Raises:
        UserError: it is damaged.
    """
    if not file.exists():
        return None
    try:
        with safetensors.safe_open(file, "numpy") as opened:
            facts = json.loads((opened.metadata() or {})["familiarity"])
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if facts["format"] != _FORMAT:
            return None
        found = _read(facts, arrays)
    except Exception as error:  # safetensors, json and NumPy raise different errors.
        raise UserError(
            f"{shown(str(file))} is damaged ({type(error).__name__}): delete it, and python -m "
            "fdd.main --mode=eval (for published weights, fdd.evaluate --calibrate) writes it again"
        ) from None
    return found if facts["belongs_to"] == belongs_to else None


def _read(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Familiarity:
    parts = {
        name: Gaussian(arrays[f"{name}.mean"], arrays[f"{name}.whitening"], float(usual))
        for name, usual in facts["usual"].items()
    }
    for part in parts.values():
        if part.mean.shape != part.whitening.shape[:1] or not part.usual > 0:
            raise ValueError
    if not parts or not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError
    threshold = float(facts["threshold"])
    if not math.isfinite(threshold):
        raise ValueError
    return Familiarity(
        parts=parts,
        known=np.sort(arrays[_KNOWN]),
        share=float(facts["share"]),
        threshold=threshold,
        ranges={key: (float(low), float(high)) for key, (low, high) in facts["ranges"].items()},
        source=str(facts["source"]),
    )
