"""Saving and restoring a run's state; the only module that knows orbax."""

import pathlib
from collections.abc import Mapping
from typing import Any

import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from fdd.state import TrainState


def _quality(metrics: Mapping[str, float]) -> float:
    return -metrics["loss"]


class Checkpoints:
    """The best and the last checkpoint of a run, best by validation loss."""

    def __init__(self, folder: pathlib.Path):
        """Opens the checkpoints in `folder`, making it if need be."""
        keep = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(1),
                checkpoint_managers.BestN(get_metric_fn=_quality, n=1),
            ]
        )
        self._manager = ocp.CheckpointManager(
            folder.absolute(),
            options=ocp.CheckpointManagerOptions(best_fn=_quality, preservation_policy=keep),
        )

    @property
    def last_step(self) -> int | None:
        """Step of the newest checkpoint, if there is one."""
        return self._manager.latest_step()

    @property
    def best_step(self) -> int | None:
        """Step of the checkpoint with the lowest validation loss, if there is one."""
        return self._manager.best_step()

    def save(
        self, step: int, state: TrainState, meta: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> None:
        """Starts to save; `wait` until it is done before the program ends.

        Args:
            step: Number of steps taken.
            state: What to save.
            meta: JSON-compatible: what the state was trained on and how.
            metrics: Validation metrics, of which 'loss' decides what is best.
        """
        arguments = ocp.args.Composite(
            state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(dict(meta))
        )
        self._manager.save(step, args=arguments, metrics=dict(metrics))

    def restore(self, step: int, abstract: TrainState) -> TrainState:
        """Returns the state saved at a step, shaped as `abstract`."""
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(abstract))
        return self._manager.restore(step, args=arguments)["state"]

    def meta(self, step: int) -> dict[str, Any]:
        """Returns the meta data saved at a step."""
        arguments = ocp.args.Composite(meta=ocp.args.JsonRestore())
        return self._manager.restore(step, args=arguments)["meta"]

    def wait(self) -> None:
        """Returns when everything is on disk."""
        self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits and lets go of the folder."""
        self._manager.close()
