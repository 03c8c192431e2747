"""Configs of runs from older versions: values for keys that those versions did not have."""

import contextlib
import functools
import json
import pathlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from fdd.errors import UserError, shown

ADDED_FILE = "added_keys.json"

# What versions without a key did, if that is not the base config's value.
_BEFORE = {
    "data.spacing": 0.0,  # Frames were counted.
    "data.train_per_class": 0,
    "data.held_out_per_class": 0,
    "l2_lstm_kernel": 0.0,
    "model.pretrained": "",
}

# Every version had these keys, or versions without them differed: they have no default.
_NO_DEFAULT = frozenset(
    {
        *("seed", "balanced", "augment", "loss", "optimizer", "learning_rate", "batch_size"),
        *("num_epochs", "num_steps", "data", "model", "model.encoder", "model.width"),
        *("model.lstm_features", "model.version", "model.mean", "model.std"),
        *("augment.flip", "augment.brightness", "augment.contrast"),
        *(f"data.{key}" for key in ("demo", "compression", "methods", "region", "margin")),
        *(f"data.{key}" for key in ("image_size", "num_frames", "sampling", "clips_per_video")),
        *("data.jpeg_quality", "data.data_dir", "data.manual_dir"),
    }
)


def completed(file: pathlib.Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a run's config with a value for each key that its version did not have.

    The values are the base config's, or those that versions without the key used. A line says
    which, and added_keys.json beside the config stores them, if it can be written.

    Args:
        file: The run's config file.
        content: Its content, JSON-compatible.

    Raises:
        UserError: a key is missing, and no value can mean what that version did.
    """
    base = _base()
    config = json.loads(json.dumps(content))
    added = dict(_fill(config, base))
    if unknown := sorted(added.keys() & _NO_DEFAULT):
        raise UserError(
            f"{shown(str(file))} lacks {', '.join(unknown)}, and no default can mean what the run "
            "did: put the file back from a copy, or train again"
        )
    if added:
        _record(file, added)
    return config


def unknown_keys(config: Mapping[str, Any], trained: Mapping[str, Any]) -> list[str]:
    """The keys that neither a checkpoint's config nor the base config has: their names are damaged.

    Args:
        config: JSON-compatible.
        trained: What was saved with the checkpoint, likewise.
    """
    return sorted(_keys(config) - _keys(trained) - _keys(_base()))


def _base() -> dict[str, Any]:
    from fdd.configs import resnet_lstm  # All configs start from it, so it has all keys.

    return json.loads(resnet_lstm.get_config().to_json())


def _keys(config: Mapping[str, Any], prefix: str = "") -> set[str]:
    found = {f"{prefix}{name}" for name in config}
    inside = [(name, value) for name, value in config.items() if isinstance(value, dict)]
    return found.union(*(_keys(value, f"{prefix}{name}.") for name, value in inside))


def _fill(
    config: dict[str, Any], base: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Adds missing keys; yields each of them with its value."""
    for name, value in base.items():
        key = f"{prefix}{name}"
        if name not in config:
            config[name] = _BEFORE.get(key, value)
            yield key, config[name]
        elif isinstance(value, dict) and isinstance(config[name], dict):
            yield from _fill(config[name], value, f"{key}.")


def _record(file: pathlib.Path, added: Mapping[str, Any]) -> None:
    place, text = file.parent / ADDED_FILE, json.dumps(added, indent=2, sort_keys=True) + "\n"
    with contextlib.suppress(OSError, ValueError):
        if place.read_text("utf-8") == text:
            return
    said = ", ".join(f"{key}={json.dumps(value)}" for key, value in sorted(added.items()))
    _tell(f"{shown(str(file))} is from an older version; defaults were added: {said}")
    with contextlib.suppress(OSError):  # A run that is read-only can still be used.
        place.write_text(text, "utf-8")


@functools.cache
def _tell(line: str) -> None:
    """Prints a line once: a config is read several times, and one that is read-only stays old."""
    print(line, file=sys.stderr)
