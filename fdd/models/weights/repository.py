"""Weights as Hugging Face's hub keeps them: a folder, here or there, with files of known names."""

import json
import pathlib
import re
from typing import Any

from fdd.errors import UserError, first_line, shown

HUB = "hf://"
NAME = re.compile(rf"{HUB}[\w.-]+/[\w.-]+")

_WHOLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_PART = re.compile(r"[\w.-]+\.safetensors")


def is_one(folder: pathlib.Path) -> bool:
    """Whether a folder is a repository with weights."""
    return any((folder / file).exists() for file in (_WHOLE, _INDEX))


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
        raise UserError(f"config.model.pretrained={place} holds neither {_WHOLE} nor {_INDEX}")
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
        raise UserError(
            f"config.model.pretrained={place} lacks {', '.join(missing)}, which its index lists"
        )
    return [*files.values()]


def stated(place: str | pathlib.Path) -> dict[str, Any]:
    """What config.json says of the network; empty where there is none.

    Raises:
        UserError: it cannot be fetched, or is no JSON object.
    """
    file = _found(place, "config.json")
    if file is None:
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
    import huggingface_hub
    from huggingface_hub import errors

    try:
        found = pathlib.Path(huggingface_hub.hf_hub_download(place.removeprefix(HUB), file))
    except Exception as error:  # There are many: no network, no repository, no permission.
        no_file = isinstance(error, errors.EntryNotFoundError)
        if no_file and not isinstance(error, errors.LocalEntryNotFoundError):  # That: not reached.
            return None
        raise UserError(
            f"{file} of config.model.pretrained={place} could not be fetched from the Hugging "
            f"Face hub ({first_line(error)}); a local file works too"
        ) from None
    return found if found.exists() else None
