"""The configs that come with fdd; a command line can name them without a path."""

import contextlib
import os
import pathlib

from fdd import configs
from fdd.errors import shown

FOLDER = pathlib.Path(configs.__file__).parent


def names() -> list[str]:
    """Their names, sorted."""
    return sorted(file.stem for file in FOLDER.glob("*.py") if file.stem != "__init__")


def path(name: str) -> str:
    """The path of one of them; it contains no colon."""
    return _without_colon(FOLDER / f"{name}.py")


def located(config: str) -> str:
    """Returns what `--config` names as a path to a file.

    Args:
        config: A file, or the name of one of these configs; a variant may follow after a colon. A
            file takes precedence over a name.

    Returns:
        The path, which contains no colon itself, and the variant.

    Raises:
        ValueError: there is no such file, or its path contains a colon.
    """
    drive, rest = os.path.splitdrive(config)  # On Windows, a path may begin with 'C:'.
    name, colon, variant = rest.partition(":")
    file = pathlib.Path(drive + name)
    if file.is_file():
        return _without_colon(file) + colon + variant
    if name in names():
        return path(name) + colon + variant
    raise ValueError(
        f"there is no config file {shown(str(file))}; those of fdd can be given by name: "
        f"{', '.join(names())} (they are in {FOLDER})"
    )


def _without_colon(file: pathlib.Path) -> str:
    """The path without a colon: ml_collections reads what follows the first one as a variant."""
    found = os.fspath(file)
    if ":" in found:
        with contextlib.suppress(ValueError):  # It is on another drive.
            found = os.path.relpath(found)
    if ":" in found:
        raise ValueError(
            f"the path {shown(found)} holds a colon, which begins a config's variant: go to a "
            "folder from which the path needs none"
        )
    return found
