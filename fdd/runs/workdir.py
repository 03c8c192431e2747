"""The folder of a run: its config, its lock, and the files in it."""

import contextlib
import errno
import json
import os
import pathlib
import socket
from collections.abc import Iterator
from typing import Any, TextIO

import ml_collections

from fdd.errors import UserError, first_line, shown
from fdd.runs import older_configs
from fdd.system import locks, whole

CONFIG_FILE = "config.json"
CHECKPOINTS_DIR = "checkpoints"
REPORT_DIR = "report"
EVALUATIONS_DIR = "evaluations"
_LOCK_FILE = "lock"
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class ReadOnlyError(UserError):
    """The folder of a run can be read and not written."""


# Keys about places, speed and memory; a run may go on with other values.
_FREE_KEYS = ("data.data_dir", "data.manual_dir", "num_workers", "parallel", "fit", "remat")


# Free as well if batch statistics are frozen, otherwise each part of a batch has its own, and if no
# term of the loss compares clips.
_FREE_IF_PARTS_ADD_UP = ("accumulate_steps",)


# Keys that a run fills in itself if its config leaves them open (None).
_OPEN_KEYS = ("mean", "std")


def with_settled(
    workdir: pathlib.Path, config: ml_collections.ConfigDict
) -> ml_collections.ConfigDict:
    """Returns the config with the values that the run in `workdir`, if any, has filled in."""
    if (content := _read(workdir)) is None:
        return config
    config = config.copy_and_resolve_references()
    stored = content.get("model", {})
    if config.fit:  # What it took to fit the memory that there was is taken again.
        for key in ("remat", "accumulate_steps"):
            config[key] = max(config[key], content[key])
    for key in _OPEN_KEYS:
        if config.model[key] is None and stored.get(key) is not None:
            config.model[key] = tuple(stored[key])
    return config


def check(workdir: pathlib.Path, config: ml_collections.ConfigDict) -> None:
    """Checks that `workdir` is new or belongs to a run with `config`.

    Raises:
        UserError: it belongs to a run with another config.
    """
    if (stored := _read(workdir)) is None:
        return
    settled = plain(with_settled(workdir, config))
    if different := _differences(stored, settled):
        raise UserError(
            f"{workdir} belongs to a run with another config ({'; '.join(different)}): repeat "
            "that run's settings, or choose another --workdir"
        )


@contextlib.contextmanager
def claim(workdir: pathlib.Path, config: ml_collections.ConfigDict) -> Iterator[None]:
    """A context in which `workdir` belongs to a run with `config`, and to this process alone.

    The lock ends with the process, however that ends.

    Raises:
        ReadOnlyError: it can be read and not written.
        UserError: it belongs to a run with another config, another process has locked it, or it
            cannot be written.
    """
    text = json.dumps(plain(config), indent=2, sort_keys=True) + "\n"
    with contextlib.ExitStack() as stack:
        try:
            workdir.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((workdir / _LOCK_FILE).open("a+"))
            _lock(lock, workdir)
            check(workdir, config)
            with whole.replaced(workdir / CONFIG_FILE) as partial:
                partial.write_text(text)
        except OSError as error:
            kind = ReadOnlyError if error.errno in _READ_ONLY else UserError
            raise kind(f"--workdir={workdir} cannot be written: {error.strerror}") from None
        yield


def _lock(lock: TextIO, workdir: pathlib.Path) -> None:
    """Locks the file that names the owner; the library filelock would empty it on opening."""
    try:
        is_free = locks.take(lock.fileno())
    except locks.NoLocksError:
        print(f"fdd: {workdir} cannot be locked here: start no second run in it")
        is_free = True
    if not is_free:
        lock.seek(0)
        owner = lock.read().strip() or "another process"
        raise UserError(
            f"{workdir} is in use by {owner}: wait for that run, or choose another --workdir"
        )
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    lock.flush()


def stored_config(workdir: pathlib.Path) -> ml_collections.ConfigDict:
    """Returns the config of the run in `workdir`.

    Raises:
        UserError: there is no run; or see `fdd.runs.older_configs.completed`.
    """
    if (content := _read(workdir)) is None:
        raise UserError(f"{shown(str(workdir))} holds no run: there is no {CONFIG_FILE} in it")
    return ml_collections.ConfigDict(content)


def check_trained_with(
    workdir: pathlib.Path, config: ml_collections.ConfigDict, trained: dict[str, Any]
) -> None:
    """Checks that a run's config is still the one that a checkpoint was trained with.

    Args:
        workdir: The run's folder.
        config: Its config now.
        trained: The config that was saved with the checkpoint.

    Raises:
        UserError: the config was changed or damaged since.
    """
    now = plain(config)
    unknown = [f"{key}: unknown" for key in older_configs.unknown_keys(now, trained)]
    if different := _differences(trained, now, common=True) + unknown:
        raise UserError(
            f"{shown(str(workdir / CONFIG_FILE))} is not what the checkpoint was trained with "
            f"({'; '.join(different)}): put it back as it was"
        )


def _read(workdir: pathlib.Path) -> dict[str, Any] | None:
    """The run's config, completed with newer keys; None if there is no run."""
    try:
        return older_configs.completed(workdir / CONFIG_FILE, read_json(workdir / CONFIG_FILE))
    except FileNotFoundError:
        return None


def read_json(file: pathlib.Path, remedy: str = "put it back from a copy") -> dict[str, Any]:
    """Reads a file that a run wrote.

    Args:
        file: The file.
        remedy: What to do if it is damaged.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it cannot be read, or is not a JSON object.
    """
    try:
        content = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(errno.ENOENT, "No such file", str(file)) from None
    except OSError as error:
        raise UserError(f"{shown(str(file))} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{shown(str(file))} is damaged, it is no JSON ({first_line(error)}): {remedy}"
        ) from None
    if not isinstance(content, dict):
        raise UserError(f"{shown(str(file))} is damaged, it holds no JSON object: {remedy}")
    return content


def plain(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """The config as JSON-compatible values."""
    return json.loads(config.to_json())


def _parts_add_up(*configs: dict[str, Any]) -> bool:
    return all(
        (
            config.get("frozen_batch_stats")
            or (config.get("freeze") == "encoder" and not config.get("freeze_epochs"))
        )
        and not (config.get("uniformity") or config.get("alignment"))
        for config in configs
    )


def _differences(
    stored: dict[str, Any], current: dict[str, Any], prefix: str = "", common: bool = False
) -> list[str]:
    """The differing keys that define the run; `common`: only keys that both have."""
    found = []
    free = (*_FREE_KEYS, *_FREE_IF_PARTS_ADD_UP) if _parts_add_up(stored, current) else _FREE_KEYS
    keys = stored.keys() & current.keys() if common else stored.keys() | current.keys()
    for key in sorted(keys):
        old, new = stored.get(key), current.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found.extend(_differences(old, new, f"{prefix}{key}.", common))
        elif old != new and f"{prefix}{key}" not in free:
            found.append(f"{prefix}{key}: {old} there, {new} here")
    return found
