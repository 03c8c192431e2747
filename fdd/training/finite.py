"""Stopping where a value is no finite number, with what can be done about it."""

import math
from collections.abc import Mapping
from typing import Any

import ml_collections
import numpy as np

from fdd.errors import UserError


def require(
    values: Mapping[str, Any], step: int, last_good: str, config: ml_collections.ConfigDict
) -> None:
    """Sees that some values of a step are finite.

    Args:
        values: Scalars by what they are, such as 'loss'.
        step: Which step they are of.
        last_good: Says which checkpoint there is to fall back on.
        config: The run's config.

    Raises:
        UserError: one is not.
    """
    for name, value in values.items():
        if not math.isfinite(number := float(np.asarray(value))):
            raise UserError(f"the {name} of step {step} is {number}; {last_good}: {advice(config)}")


def advice(config: ml_collections.ConfigDict) -> str:
    """What to do about values that are not finite, by key of the config."""
    precision = ""
    if config.precision == "bfloat16":
        precision = ", or take --config.precision=float32"
    return (
        f"lower --config.learning_rate (now {config.learning_rate:g}) in another --workdir"
        f"{precision}; if it happens again, look at the clips and at model.mean and model.std"
    )


def json_value(value: Any) -> Any:
    """A number as JSON can hold it: None in place of one that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
