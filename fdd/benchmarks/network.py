"""A config's network with random weights, checked as a run checks it."""

import ml_collections

from fdd.devices.parallel import Parallel
from fdd.training import config_checks, pretrained
from fdd.training.task import Task, create_task


def opened(
    config: ml_collections.ConfigDict,
) -> tuple[ml_collections.ConfigDict, Parallel, Task]:
    """Returns the config without weights and with its normalisation, its devices and its task.

    Raises:
        UserError: the config cannot be used.
    """
    config = config.copy_and_resolve_references()
    config.model.pretrained = ""
    config_checks.check(config)
    config = pretrained.with_normalization(config)
    return config, Parallel(config.parallel), create_task(config)
