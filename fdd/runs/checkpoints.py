"""Saving and restoring a run's state; the only module that imports orbax."""

import copy
import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from fdd.devices import parallel
from fdd.errors import UserError, shown
from fdd.runs import checksums
from fdd.runs.checkpoint_checks import CheckpointChecks, DamagedCheckpoint, reason
from fdd.runs.plain_path import PlainPath

PyTree = Any
DAMAGED_DIR = "damaged_checkpoints"


def _quality(metrics: Mapping[str, float]) -> float:
    return -metrics["loss"]


class Checkpoints:
    """The best checkpoint of a run, by validation loss, and the last two.

    Training continues while a checkpoint is saved, and a checkpoint appears only when it is
    complete. Checksums of its files (`fdd.runs.checksums`) are stored with it, and which checkpoint
    was the best at that time. With several processes, all must call `save`, `restore` and
    `restore_last`.
    """

    def __init__(self, folder: pathlib.Path):
        """Opens the checkpoints in `folder`; creates it if necessary.

        Raises:
            UserError: the folder cannot be created or read.
        """
        keep = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(2),  # The second is used if the first is damaged.
                checkpoint_managers.BestN(
                    get_metric_fn=_quality, n=1, keep_checkpoints_without_metrics=False
                ),
            ]
        )
        self._folder = folder.absolute()
        self._facts: dict[str, Any] | None = None  # For the checkpoint that is being saved.
        self._checks = CheckpointChecks(self._folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._plain = PlainPath(self._folder)
            self._manager = ocp.CheckpointManager(
                self._plain.path,
                options=ocp.CheckpointManagerOptions(
                    best_fn=_quality,
                    preservation_policy=keep,
                    async_options=ocp.AsyncOptions(post_finalization_callback=self._seal),
                ),
            )
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"the checkpoints in {shown(str(folder))} cannot be opened ({reason(error)})"
            ) from None

    @property
    def last_step(self) -> int | None:
        """Step of the newest checkpoint, if there is one."""
        return self._manager.latest_step()

    @property
    def best_step(self) -> int | None:
        """Step of the checkpoint with the lowest validation loss, if any was validated.

        Raises:
            UserError: it is missing, or damage hides which it is.
        """
        best = self._best()
        if best is not None and best["step"] not in self._manager.all_steps():
            raise UserError(
                f"the best checkpoint, that of step {best['step']}, is missing in "
                f"{shown(str(self._folder))}: put it back; no other is used instead"
            )
        return best and best["step"]

    def _best(self) -> dict[str, Any] | None:
        """{'step', 'loss'} of the best checkpoint, from the newest one's facts."""
        newest = self.last_step
        if newest is None:
            return None
        if (facts := self._checks.facts(newest)) is not None:
            return facts["best"]
        try:
            step = self._manager.best_step()
            metrics = None if step is None else self._manager.metrics(step)
        except Exception as error:
            raise self._checks.unreadable(newest, error) from None
        return metrics and {"step": step, "loss": metrics["loss"]}

    def save(
        self,
        step: int,
        state: PyTree,
        meta: Mapping[str, Any],
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Starts to save; call `wait` before the program ends.

        Args:
            step: Number of steps taken.
            state: What to save.
            meta: JSON-compatible: what the state was trained on and how. Later changes to this
                object are not saved.
            metrics: Validation metrics; 'loss' decides which checkpoint is best. None for a state
                that was not validated and so cannot be the best.

        Raises:
            UserError: this checkpoint or the previous one could not be written.
        """
        arguments = ocp.args.Composite(
            state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(copy.deepcopy(dict(meta)))
        )
        self.wait()  # So that `_seal` is called for this one; orbax would wait for it anyway.
        best = self._best()
        if metrics and (best is None or metrics["loss"] <= best["loss"]):
            best = {"step": step, "loss": metrics["loss"]}
        self._facts = {"step": step, "best": best}
        self._checks.forget(step)
        try:
            self._manager.save(step, args=arguments, metrics=metrics and dict(metrics))
        except Exception as error:
            raise self._checks.not_written(error) from None

    def restore(self, step: int, abstract: PyTree) -> PyTree:
        """Returns the state saved at a step, shaped and placed as `abstract`.

        Raises:
            UserError: the checkpoint is damaged, unreadable, or has values that are not finite.
        """
        self._checks.check(step)
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(abstract))
        try:
            state = self._manager.restore(step, args=arguments)["state"]
        except Exception as error:
            raise self._checks.unreadable(step, error) from None
        self._checks.require_finite(step, state)
        return state

    def restore_variables(self, step: int, sharding: jax.sharding.Sharding) -> Any:
        """Returns the variables for scoring clips: {'params', 'batch_stats'}.

        The parameters are their average if there is one. What only training needs, such as the
        optimiser's state, is not read.

        Raises:
            UserError: see `restore`.
        """
        self._checks.check(step)
        folder = self._plain.path / str(step) / "state"
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
            raise self._checks.unreadable(step, error) from None
        variables = {"params": restored[params], "batch_stats": restored["batch_stats"]}
        self._checks.require_finite(step, variables)
        return variables

    def restore_last(self, abstract: PyTree) -> tuple[int, PyTree, dict[str, Any]] | None:
        """Returns the newest undamaged state, with its step and meta data.

        Newer, damaged checkpoints are moved to the folder `DAMAGED_DIR` beside the checkpoints, and
        a line says so. Returns None if there is no checkpoint.

        Raises:
            UserError: all checkpoints are damaged; an undamaged one cannot be read; or the best of
                the remaining ones is damaged. Nothing is moved in these cases.
        """
        damaged = {}
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                self._checks.check(step)
            except DamagedCheckpoint as error:
                damaged[step] = error
                continue
            result = step, self.restore(step, abstract), self.meta(step)
            for each, error in damaged.items():
                print(f"fdd: {error}; going on from the checkpoint before it")
                self._move_away(each)
            if (best := self.best_step) is not None:
                self._checks.check(best)
            return result
        if damaged:
            raise damaged[max(damaged)]
        return None

    def meta(self, step: int) -> dict[str, Any]:
        """Returns the meta data saved at a step.

        Raises:
            UserError: the checkpoint is damaged or cannot be read.
        """
        self._checks.check(step)
        arguments = ocp.args.Composite(meta=ocp.args.JsonRestore())
        try:
            return self._manager.restore(step, args=arguments)["meta"]
        except Exception as error:
            raise self._checks.unreadable(step, error) from None

    def last_step_where(self, holds: Callable[[Mapping[str, Any]], bool]) -> int | None:
        """Step of the newest checkpoint whose meta data meet a condition, if there is one.

        Raises:
            UserError: see `meta`.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        return next((step for step in steps if holds(self.meta(step))), None)

    def preempted(self, step: int) -> bool:
        """Whether this machine is about to be taken away; then all processes stop at this step.

        For several processes (`fdd.devices.parallel.initialize`); all must ask at each step.
        """
        return self._manager.reached_preemption(step)

    def wait(self) -> None:
        """Waits until everything is on disk.

        Raises:
            UserError: it could not be written.
        """
        try:
            self._manager.wait_until_finished()
        except Exception as error:
            raise self._checks.not_written(error) from None

    def __enter__(self) -> "Checkpoints":
        """Returns itself; the context closes it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Closes it; after a failure without waiting for other processes, which may never come."""
        if kind is None or jax.process_count() == 1:
            self.close()
        else:
            self._plain.close()

    def close(self) -> None:
        """Waits, then releases the folder."""
        self._manager.close()
        self._plain.close()

    def _seal(self) -> None:
        """Called when all files of a checkpoint are written, before it gets its name."""
        if parallel.is_main():
            step = self._facts["step"]
            (unnamed,) = (
                path
                for path in self._folder.iterdir()
                if path.name.partition(".")[0] == str(step) and path.is_dir()
            )
            checksums.write(unnamed, self._facts)

    def _move_away(self, step: int) -> None:
        parallel.barrier("damaged checkpoint")
        if parallel.is_main():
            target = self._folder.parent / DAMAGED_DIR / str(step)
            target.parent.mkdir(exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            shutil.move(self._folder / str(step), target)
        self._checks.forget(step)
        parallel.barrier("damaged checkpoint moved")
        self._manager.reload()
