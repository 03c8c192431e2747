"""Reading pretrained weights: one reader per file format.

Nothing in a file is executed, no other file that it names is opened, and the sizes that it declares
are checked.
"""

import math
import pathlib
from collections.abc import Mapping, Sequence
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


def check_normalization(mean: Sequence[float], std: Sequence[float]) -> None:
    """Checks that a file states one value per channel of RGB.

    Raises:
        ValueError: there are not three finite numbers each, or a standard deviation is not above 0.
    """
    if (
        not len(mean) == len(std) == 3
        or not all(map(math.isfinite, (*mean, *std)))
        or min(std) <= 0
    ):
        raise ValueError("mean and std must be three finite numbers each, and std above 0")


def unreadable(file: pathlib.Path, kind: str, error: Exception) -> UserError:
    """The error for a file that is missing or damaged.

    Args:
        file: The file.
        kind: The kind of file, with its article: 'an HDF5'.
        error: What went wrong.
    """
    if not file.exists():
        return UserError(f"{file}: there is no such file")
    return UserError(f"{file} is not {kind} file that can be read ({first_line(error)})")
