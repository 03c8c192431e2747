"""Converts settings to their declared types, whichever types they were given in."""

import dataclasses
import math
import numbers
from typing import Any


def settle(settings: Any) -> None:
    """Converts the numbers among a dataclass' fields to their declared types.

    Names, fingerprints and keys are made from the text of settings, so the margins 2 and 2.0 must
    have the same text. Only fields of the types float, int and bool are converted.

    Args:
        settings: An instance of a dataclass, frozen or not; changed in place.

    Raises:
        ValueError: a value is not a finite number, not an integer, or neither true nor false.
    """
    for field in dataclasses.fields(settings):
        if convert := _CONVERSIONS.get(field.type):
            value = convert(field.name, getattr(settings, field.name))
            object.__setattr__(settings, field.name, value)


def _number(name: str, value: object) -> float:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, not {value!r}")
    return float(value) + 0.0  # -0.0 becomes 0.0.


def _integer(name: str, value: object) -> int:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or value != value // 1:
        raise ValueError(f"{name} must be an integer, not {value!r}")
    return int(value)


def _truth(name: str, value: object) -> bool:
    if value not in (False, True):
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return bool(value)


_CONVERSIONS = {float: _number, int: _integer, bool: _truth}
