"""The result of a run: the parameters and statistics of its best checkpoint."""

import contextlib
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax

from fdd.errors import UserError, shown
from fdd.runs import workdir
from fdd.runs.checkpoints import Checkpoints


class Trained(NamedTuple):
    """The best checkpoint of a run.

    Attributes:
        step: The checkpoint's step.
        meta: The data that was saved with it.
        variables: {'params', 'batch_stats'}; the parameters are their average if there is one.
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
    """Restores the best checkpoint, or the last if it is not known which is best.

    Args:
        checkpoints: The run's checkpoints.
        folder: The run's workdir.
        config: The run's config.
        sharding: Placement of the variables.

    Raises:
        UserError: there is no checkpoint, it is damaged, or it was trained with another config.
    """
    step = checkpoints.best_step
    if step is None:  # The run's validation split cannot tell which is best.
        step = checkpoints.last_step_where(lambda meta: "calibration" in meta)
    if step is None:
        raise _no_checkpoint(folder)
    meta = checkpoints.meta(step)
    workdir.check_trained_with(folder, config, meta["config"])
    return Trained(step=step, meta=meta, variables=checkpoints.restore_variables(step, sharding))


@contextlib.contextmanager
def opened(folder: pathlib.Path) -> Iterator[Checkpoints]:
    """Opens a run's checkpoints for reading; a context manager.

    Raises:
        UserError: the run has none.
    """
    if not (folder / workdir.CHECKPOINTS_DIR).is_dir():
        raise _no_checkpoint(folder)
    checkpoints = Checkpoints(folder / workdir.CHECKPOINTS_DIR)
    with contextlib.closing(checkpoints):
        yield checkpoints


def _no_checkpoint(folder: pathlib.Path) -> UserError:
    return UserError(f"{shown(str(folder))} has no checkpoint yet: train first")
