"""What a run's best checkpoint knows."""

import pathlib

import ml_collections

from fdd.devices.parallel import Parallel
from fdd.evaluation.calibration import Calibration
from fdd.inference.source import Weights
from fdd.runs import familiarity_file, trained, validated_file, workdir
from fdd.runs.checkpoints import Checkpoints


def best(
    config: ml_collections.ConfigDict,
    checkpoints: Checkpoints,
    folder: pathlib.Path,
    devices: Parallel,
) -> Weights:
    """Loads the best checkpoint, or the last if it is not known which is best.

    Raises:
        UserError: there is no checkpoint, or it is damaged.
    """
    found = trained.restore(checkpoints, folder, config, devices.replicated)
    of = familiarity_file.of_checkpoint(folder / workdir.CHECKPOINTS_DIR, found.step)
    return Weights(
        variables=found.variables,
        calibration=Calibration.stored(found.meta["calibration"]),
        step=found.step,
        fingerprint=found.meta["fingerprint"],
        trained_on=found.meta,
        familiarity=familiarity_file.read(folder / familiarity_file.FILE, of),
        validated=validated_file.read(folder / validated_file.FILE, of),
    )
