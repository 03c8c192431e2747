"""What a run has learned: the parameters and statistics of the checkpoint that counts."""

import contextlib
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax

from fdd.errors import UserError, shown
from fdd.runs import workdir
from fdd.runs.checkpoints import Checkpoints


class Trained(NamedTuple):
    """The best checkpoint of a run.

    Attributes:
        step: The step it is of.
        meta: What was saved with it.
        variables: {'params', 'batch_stats'}; the parameters are their average where one is kept.
    """

    step: int
    meta: dict[str, Any]
    variables: dict[str, Any]


def restore(
    checkpoints: Checkpoints,
    folder: pathlib.Path,
    config: Mapping[str, Any],
    sharding: jax.sharding.Sharding,
) -> Trained:
    """Restores the best of some checkpoints, or the last where none is known as the best.

    Args:
        checkpoints: The run's.
        folder: Its workdir.
        config: Its config.
        sharding: Where to put the variables.

    Raises:
        UserError: there is none, it is damaged, or it was trained with another config.
    """
    step = checkpoints.best_step
    if step is None:  # Of a run whose validation split cannot tell which is the best.
        step = checkpoints.last_step_where(lambda meta: "calibration" in meta)
    if step is None:
        raise _no_checkpoint(folder)
    meta = checkpoints.meta(step)
    workdir.check_trained_with(folder, config, meta["config"])
    return Trained(step, meta, checkpoints.restore_variables(step, sharding))


@contextlib.contextmanager
def opened(folder: pathlib.Path):
    """The checkpoints of a run that is there to be read; a context manager.

    Raises:
        UserError: it has none.
    """
    if not (folder / workdir.CHECKPOINTS_DIR).is_dir():
        raise _no_checkpoint(folder)
    checkpoints = Checkpoints(folder / workdir.CHECKPOINTS_DIR)
    with contextlib.closing(checkpoints):
        yield checkpoints


def _no_checkpoint(folder: pathlib.Path) -> UserError:
    return UserError(f"{shown(str(folder))} has no checkpoint yet: train first")
