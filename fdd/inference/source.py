"""What a detector is loaded from: the form that runs and published weights share."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, Protocol

import ml_collections

from fdd.evaluation.conformal import Validated
from fdd.evaluation.familiarity import Familiarity


@dataclasses.dataclass(frozen=True)
class Weights:
    """What a detector knows.

    Attributes:
        variables: {'params', 'batch_stats'}, placed on the devices.
        calibration: `fdd.evaluation.calibration.Calibration`.
        step: The checkpoint's step; None for published weights.
        fingerprint: Of the preprocessing that they were trained with.
        trained_on: See `fdd.runs.trained_on.facts`; empty if it is not known.
        familiarity: What videos like those of training are like; None if it is not known.
        validated: What validation videos got; None if it is not known.
    """

    variables: Mapping[str, Any]
    calibration: Any
    step: int | None
    fingerprint: str
    trained_on: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    familiarity: Familiarity | None = None
    validated: Validated | None = None


class Source(Protocol):
    """A place from which a detector can be loaded.

    Attributes:
        name: The detector's, for people.
        reports: Where reports of evaluations go.
        config: What the detector is. Reading it takes no JAX, unless the source is published.
    """

    name: str
    reports: pathlib.Path
    config: ml_collections.ConfigDict

    def weights(self, task: Any, devices: Any) -> Weights:
        """Loads what the detector knows.

        Args:
            task: `fdd.training.task.Task` of the config.
            devices: The `fdd.devices.parallel.Parallel` to place it on.

        Raises:
            UserError: it is missing, damaged or does not fit.
        """
