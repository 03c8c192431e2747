"""Reading pretrained weights: one reader per file format.

Nothing in a file is executed, no other file that it names is opened, and the sizes that it declares
are checked.
"""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from fdd.errors import UserError, first_line

Tensors = Mapping[str, np.ndarray]


class Origin(NamedTuple):
    """What weights were trained with, as far as the file or its format says.

    Attributes:
        version: The network's version; None: the one that the encoder gives for this format.
        mean: What normalisation subtracted per channel, in units of 0 to 255; None if not known.
        std: What it divided by per channel, in the same units; None if not known.
    """

    version: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def unreadable(file: pathlib.Path, kind: str, error: Exception) -> UserError:
    """The error for a file that is missing or damaged.

    Args:
        file: The file.
        kind: The kind of file, with its article: 'an HDF5'.
        error: What went wrong.
    """
    if not file.exists():
        return UserError(f"config.model.pretrained={file}: there is no such file")
    return UserError(
        f"config.model.pretrained={file} is not {kind} file that can be read ({first_line(error)})"
    )
