"""Data sets that were built with another `split` than `config.data.split`, or without one."""

import pathlib
import re
from collections.abc import Callable, Sequence

from fdd.data import existing
from fdd.data.builder import ClipBuilder
from fdd.data.existing import Found
from fdd.data.records import Dataset
from fdd.tables import escaped

_DIVIDED = re.compile(r"-split([\d.]+(?:\+[\d.]+){2})(?![\d.+])")

Create = Callable[[str], ClipBuilder]
"""Makes the builder with another `split`."""


def in_own_splits(
    builder: ClipBuilder, create: Create, folder: pathlib.Path | None
) -> tuple[pathlib.Path, Found | None, ClipBuilder] | None:
    """Finds a data set of videos in folders of splits, if it was built without `split`.

    Such videos are never divided, so this is the data set that is asked for.

    Args:
        builder: The builder with `config.data.split`.
        create: Creates builders with another `split`.
        folder: The folder of the videos, if one is named.

    Returns:
        The data set's folder, the contents of the videos' folder, and the builder; None if there is
        none.

    Raises:
        UserError: see `existing.choose`.
    """
    if not builder.builder_config.settings().get("split"):
        return None
    plain = create("")
    folders = _trainable(existing.built(pathlib.Path(plain.data_dir)))
    if not folders:
        return None
    found = existing.found_in(folder, plain.key_of) if folder else None
    chosen = existing.choose(folders, found)
    return (chosen, found, plain) if chosen else None


def hint(builder: ClipBuilder, create: Create) -> str:
    """A hint at data sets that differ only in `split`, with their flags; '' if there are none."""
    mine = builder.builder_config.settings().get("split")
    above = pathlib.Path(builder.data_dir).parent.parent
    if mine is None or not above.is_dir():
        return ""
    divided = {
        match[1].replace("+", ",")
        for inner in above.iterdir()
        if (match := _DIVIDED.search(inner.name))
    }
    said = []
    for split in sorted({"", *divided} - {mine}):
        for folder in existing.built(pathlib.Path(create(split).data_dir)):
            how = f"with split={split}" if split else "without split, so all of it is for testing"
            said.append(
                f"{escaped(str(folder))} was built {how}: --config.data.split={split} uses it"
            )
    return f" ({'; '.join(said)})" if said else ""


def _trainable(folders: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    """The data sets with training clips: undivided videos without splits give none."""
    return [folder for folder in folders if "train" in Dataset(folder).splits]
