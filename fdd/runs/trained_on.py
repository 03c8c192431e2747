"""Which data set a run was trained on, according to its checkpoints and its report."""

import pathlib
import sys
from collections.abc import Mapping
from typing import Any

from fdd.data.records import Dataset
from fdd.devices import parallel
from fdd.errors import UserError, shown
from fdd.tables import escaped


def facts(dataset: Dataset) -> dict[str, Any]:
    """What a checkpoint stores about the data set, JSON-compatible."""
    return {
        "fingerprint": dataset.fingerprint,
        "preprocessing": dataset.preprocessing,
        "data_set": named(dataset),
    }


def named(dataset: Dataset) -> dict[str, str]:
    """{'name', 'key'} of a data set; equal keys mean the same data set."""
    return {"name": dataset.name, "key": dataset.key}


def check(recorded: Mapping[str, Any], dataset: Dataset, folder: pathlib.Path) -> None:
    """Checks that a run goes on with the data set that it was trained on.

    Runs of older versions did not record it; for those a line says that it cannot be checked.

    Args:
        recorded: The result of `facts` when it was trained, or a part of it.
        dataset: The data set now.
        folder: The run's folder.

    Raises:
        UserError: it is another data set, or its clips were cut differently.
    """
    fingerprint = recorded.get("fingerprint", dataset.fingerprint)
    if fingerprint != dataset.fingerprint:
        raise UserError(
            f"the checkpoints in {shown(str(folder))} were trained on clips cut differently "
            f"(fingerprint {fingerprint}, the data set's is {dataset.fingerprint}): choose another "
            "--workdir"
        )
    trained = recorded.get("data_set")
    if not trained:
        line = (
            f"fdd: the run in {shown(str(folder))} is of an older version and does not say on which"
            f" data set it was trained; it is used with {dataset.name} (key {dataset.key})"
        )
        if parallel.is_main():
            print(line, file=sys.stderr)
    elif trained["key"] != dataset.key:
        raise UserError(
            f"the run in {shown(str(folder))} was trained on the data set "
            f"{escaped(trained['name'])} (key {trained['key']}), and this is {dataset.name} (key "
            f"{dataset.key}, {escaped(str(dataset.folder))}): name the former by config.data."
            "manual_dir or data_dir, choose another --workdir, or score the latter with python -m "
            "fdd.evaluate --dataset=DIR"
        )
