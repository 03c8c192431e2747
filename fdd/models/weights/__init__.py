"""Parameters in files of others: one reader per format.

Nothing in a file is run, no other file that it names is opened, and what it says of sizes is not
believed.
"""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from fdd.errors import UserError, first_line

Tensors = Mapping[str, np.ndarray]


class Origin(NamedTuple):
    """What weights were trained with, as far as their file or their format says.

    Attributes:
        version: Of the network; None: as the encoder says that files of this format hold.
        mean: Per channel, what normalisation subtracted, in units of 0 to 255; None: not said.
        std: Per channel, what it divided by, likewise.
    """

    version: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def unreadable(file: pathlib.Path, kind: str, error: Exception) -> UserError:
    """The error for a file that is missing or damaged.

    Args:
        file: The file.
        kind: Of file, with its article: 'an HDF5'.
        error: What went wrong.
    """
    if not file.exists():
        return UserError(f"config.model.pretrained={file}: there is no such file")
    return UserError(
        f"config.model.pretrained={file} is not {kind} file that can be read ({first_line(error)})"
    )
