"""Saving and restoring a run's state; the only module that knows orbax."""

import copy
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from fdd import parallel
from fdd.errors import UserError, first_line
from fdd.state import TrainState

DAMAGED_DIR = "damaged_checkpoints"


def _quality(metrics: Mapping[str, float]) -> float:
    return -metrics["loss"]


class Checkpoints:
    """The best checkpoint of a run, by validation loss, and the last two.

    Saving goes on beside training, and a checkpoint appears only once it is whole. With several
    processes, all of them call `save`, `restore` and `restore_last`.
    """

    def __init__(self, folder: pathlib.Path):
        """Opens the checkpoints in `folder`, making it if need be."""
        keep = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(2),  # The second for when the first is damaged.
                checkpoint_managers.BestN(
                    get_metric_fn=_quality, n=1, keep_checkpoints_without_metrics=False
                ),
            ]
        )
        self._folder = folder.absolute()
        self._manager = ocp.CheckpointManager(
            self._folder,
            options=ocp.CheckpointManagerOptions(best_fn=_quality, preservation_policy=keep),
        )

    @property
    def last_step(self) -> int | None:
        """Step of the newest checkpoint, if there is one."""
        return self._manager.latest_step()

    @property
    def best_step(self) -> int | None:
        """Step of the checkpoint with the lowest validation loss, if one was validated."""
        step = self._manager.best_step()
        return None if step is None or self._manager.metrics(step) is None else step

    def save(
        self,
        step: int,
        state: TrainState,
        meta: Mapping[str, Any],
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Starts to save; `wait` until it is done before the program ends.

        Args:
            step: Number of steps taken.
            state: What to save.
            meta: JSON-compatible: what the state was trained on and how, as it is now; later
                changes to it are not saved.
            metrics: Validation metrics, of which 'loss' decides what is best; None for a state
                that was not validated, and so cannot be the best.

        Raises:
            UserError: this or the one before it could not be written.
        """
        arguments = ocp.args.Composite(
            state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(copy.deepcopy(dict(meta)))
        )
        try:
            self._manager.save(step, args=arguments, metrics=metrics and dict(metrics))
        except Exception as error:
            raise self._not_written(error) from None

    def restore(self, step: int, abstract: TrainState) -> TrainState:
        """Returns the state saved at a step, shaped and placed as `abstract`.

        Raises:
            UserError: the checkpoint is damaged.
        """
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(abstract))
        try:
            return self._manager.restore(step, args=arguments)["state"]
        except Exception as error:
            raise self._damaged(step, error) from None

    def restore_variables(self, step: int, sharding: jax.sharding.Sharding) -> Any:
        """Returns what scores clips: {'params', 'batch_stats'}, placed as `sharding` says.

        The parameters are their average where one is kept. What only training needs, such as the
        optimiser's state, is not read.

        Raises:
            UserError: the checkpoint is damaged.
        """
        folder = self._folder / str(step) / "state"
        try:
            handler = ocp.PyTreeCheckpointHandler()
            stored = handler.metadata(folder).tree
            params = "params" if stored["average"] is None else "average"
            wanted = jax.tree.map(
                lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
                {name: stored[name] for name in (params, "batch_stats")},
            )
            arguments = ocp.args.PyTreeRestore(
                wanted,
                restore_args=ocp.checkpoint_utils.construct_restore_args(wanted),
                partial_restore=True,
            )
            restored = handler.restore(folder, args=arguments)
        except Exception as error:
            raise self._damaged(step, error) from None
        return {"params": restored[params], "batch_stats": restored["batch_stats"]}

    def restore_last(self, abstract: TrainState) -> tuple[int, TrainState, dict[str, Any]] | None:
        """Returns the newest state that can be read, with its step and meta data.

        Newer ones that are damaged are moved to the folder `DAMAGED_DIR` beside the checkpoints,
        and a line says so. None where there is no checkpoint.

        Raises:
            UserError: there are checkpoints, and all are damaged.
        """
        while (step := self.last_step) is not None:
            try:
                return step, self.restore(step, abstract), self.meta(step)
            except UserError as error:
                if len(self._manager.all_steps()) == 1:
                    raise
                print(f"fdd: {error}; going on from the checkpoint before it")
            self._move_away(step)
        return None

    def meta(self, step: int) -> dict[str, Any]:
        """Returns the meta data saved at a step.

        Raises:
            UserError: the checkpoint is damaged.
        """
        arguments = ocp.args.Composite(meta=ocp.args.JsonRestore())
        try:
            return self._manager.restore(step, args=arguments)["meta"]
        except Exception as error:
            raise self._damaged(step, error) from None

    def preempted(self, step: int) -> bool:
        """Whether this machine is to be given up, and all processes have come to this step.

        For several processes (`fdd.parallel.initialize`); all must ask at every step.
        """
        return self._manager.reached_preemption(step)

    def wait(self) -> None:
        """Returns when everything is on disk.

        Raises:
            UserError: it could not be written.
        """
        try:
            self._manager.wait_until_finished()
        except Exception as error:
            raise self._not_written(error) from None

    def close(self) -> None:
        """Waits and lets go of the folder."""
        self._manager.close()

    def _move_away(self, step: int) -> None:
        parallel.barrier("damaged checkpoint")
        if parallel.is_main():
            target = self._folder.parent / DAMAGED_DIR / str(step)
            target.parent.mkdir(exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            shutil.move(self._folder / str(step), target)
        parallel.barrier("damaged checkpoint moved")
        self._manager.reload()

    def _not_written(self, error: Exception) -> UserError:
        return UserError(
            f"a checkpoint could not be written to {self._folder} ({_reason(error)}); those that "
            "were there are as they were"
        )

    def _damaged(self, step: int, error: Exception) -> UserError:
        return UserError(
            f"the checkpoint of step {step} in {self._folder} is damaged ({_reason(error)})"
        )


def _reason(error: Exception) -> str:
    """What went wrong, without the paths and source code addresses that tensorstore adds."""
    if "RESOURCE_EXHAUSTED" in str(error):
        return "No space left on device"
    return first_line(error).partition(" [")[0]
