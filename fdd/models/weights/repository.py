"""Weights as Hugging Face's hub keeps them: a folder, here or there, with files of known names."""

import json
import pathlib
import re
from typing import Any

from fdd.errors import UserError, shown
from fdd.models.weights import hub

_WHOLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_PART = re.compile(r"[\w.-]+\.safetensors")


def is_one(folder: pathlib.Path) -> bool:
    """Whether a folder is a repository with weights."""
    return any((folder / file).exists() for file in (_WHOLE, _INDEX))


def is_here(name: str) -> bool:
    """Whether weights of hf://OWNER/NAME were fetched before."""
    return any(hub.is_here(name, file) for file in (_WHOLE, _INDEX))


def tensor_files(place: str | pathlib.Path) -> list[pathlib.Path]:
    """The files with tensors: one, or the parts that an index lists.

    Args:
        place: 'hf://OWNER/NAME', whose files are fetched where they are not here already, or a
            folder.

    Raises:
        UserError: there are none, they cannot be fetched, or the index is damaged.
    """
    if (whole := _found(place, _WHOLE)) is not None:
        return [whole]
    if (index := _found(place, _INDEX)) is None:
        raise UserError(f"{place} holds neither {_WHOLE} nor {_INDEX}")
    try:
        parts = {*json.loads(index.read_text("utf-8"))["weight_map"].values()}
        if not parts or not all(map(_PART.fullmatch, parts)):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(
            f"{shown(str(index))} does not list which files hold the tensors: it is damaged"
        ) from None
    files = {part: _found(place, part) for part in sorted(parts)}
    if missing := [part for part, file in files.items() if file is None]:
        raise UserError(f"{place} lacks {', '.join(missing)}, which its index lists")
    return [*files.values()]


def stated(place: str | pathlib.Path) -> dict[str, Any]:
    """What config.json says of the network; empty where there is none.

    Raises:
        UserError: it cannot be fetched, or is no JSON object.
    """
    if (file := _found(place, "config.json")) is None:
        return {}
    try:
        content = json.loads(file.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError
    except (OSError, ValueError, RecursionError):
        raise UserError(f"{shown(str(file))} is no JSON object: it is damaged") from None
    return content


def _found(place: str | pathlib.Path, file: str) -> pathlib.Path | None:
    """A file of a repository; None: it has none of that name."""
    if isinstance(place, pathlib.Path):
        return place / file if (place / file).exists() else None
    return hub.fetched(place, file)
