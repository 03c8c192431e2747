"""Stopping when a value is not finite, with advice."""

import math
from collections.abc import Mapping
from typing import Any

import ml_collections
import numpy as np

from fdd.errors import UserError


def require(
    values: Mapping[str, Any], step: int, last_good: str, config: ml_collections.ConfigDict
) -> None:
    """Checks that some values of a step are finite.

    Args:
        values: Scalars by name, such as 'loss'.
        step: The step.
        last_good: A clause that says which checkpoint can be used.
        config: The run's config.

    Raises:
        UserError: a value is not finite.
    """
    for name, value in values.items():
        if not math.isfinite(number := float(np.asarray(value))):
            raise UserError(f"the {name} of step {step} is {number}; {last_good}: {advice(config)}")


def advice(config: ml_collections.ConfigDict) -> str:
    """What to do about values that are not finite, with keys of the config."""
    precision = ""
    if config.precision == "bfloat16":
        precision = ", or use --config.precision=float32"
    return (
        f"lower --config.learning_rate (now {config.learning_rate:g}) in another --workdir"
        f"{precision}; if it happens again, look at the clips and at model.mean and model.std"
    )


def json_value(value: Any) -> Any:
    """A number for JSON: None if it is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
