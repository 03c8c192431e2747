"""Whether a checkpoint can be used: its files are undamaged, and its values are finite."""

import pathlib
import sys
from typing import Any

import jax
import numpy as np

from fdd.devices import parallel
from fdd.errors import NotSaved, UserError, first_line, shown
from fdd.runs import checksums

_STATUSES = {
    "RESOURCE_EXHAUSTED": "No space left on device",
    "PERMISSION_DENIED": "Permission denied",
    "NOT_FOUND": "a file or folder is missing",
    "No ArrayMetadata found": "a file or folder is missing",
}
"""Errors of tensorstore and orbax, in the system's words."""


class DamagedCheckpoint(UserError):
    """A file of a checkpoint has changed since it was written."""


class CheckpointChecks:
    """Checks of the checkpoints in a folder, and messages about what is wrong."""

    def __init__(self, folder: pathlib.Path):
        """Takes the folder that holds a folder per step."""
        self._folder, self._shown = folder, shown(str(folder))
        self._checked: set[int] = set()
        self._warned = False

    def check(self, step: int) -> None:
        """Checks that a checkpoint's files are undamaged; once for each checkpoint.

        Raises:
            DamagedCheckpoint: a file is damaged.
            UserError: a file cannot be read for another reason.
        """
        if step in self._checked:
            return
        try:
            if not checksums.check(self._folder / str(step)):
                self._warn_without_checksums()
        except checksums.Damaged as error:
            raise self._damaged(step, error) from None
        except OSError as error:
            raise self.unreadable(step, error) from None
        self._checked.add(step)

    def facts(self, step: int) -> dict[str, Any] | None:
        """The facts that were saved with the checksums; None for a checkpoint without checksums.

        Raises:
            UserError: see `check`.
        """
        try:
            facts = checksums.facts(self._folder / str(step))
        except checksums.Damaged as error:
            raise self._damaged(step, error) from None
        except OSError as error:
            raise self.unreadable(step, error) from None
        if facts is None:
            self._warn_without_checksums()
        return facts

    def forget(self, step: int) -> None:
        """Makes `check` read the files again, because they have changed."""
        self._checked.discard(step)

    def require_finite(self, step: int, tree: Any) -> None:
        """Checks that all values of a checkpoint are finite.

        Raises:
            UserError: a value is not finite.
        """
        if name := not_finite(tree):
            raise UserError(
                f"the checkpoint of step {step} in {self._shown} holds values that are not finite "
                f"({name}): it cannot be used"
            )

    def not_written(self, error: Exception) -> NotSaved:
        """The error for a failure to save."""
        exist = self._folder.is_dir() and any(
            path.name.isdigit() for path in self._folder.iterdir()
        )
        earlier = "earlier checkpoints are unchanged" if exist else "there is no earlier one"
        return NotSaved(
            f"a checkpoint could not be written to {self._shown} ({reason(error)}); {earlier}"
        )

    def unreadable(self, step: int, error: Exception) -> UserError:
        """The error for a failure to restore although no damage was found."""
        return UserError(
            f"the checkpoint of step {step} in {self._shown} cannot be read ({reason(error)}); it "
            "was not changed"
        )

    def _damaged(self, step: int, error: Exception) -> DamagedCheckpoint:
        return DamagedCheckpoint(
            f"the checkpoint of step {step} in {self._shown} is damaged ({reason(error)})"
        )

    def _warn_without_checksums(self) -> None:
        if not self._warned and parallel.is_main():
            print(
                f"fdd: checkpoints in {self._shown} have no checksums, like those of older "
                "versions: damage to them may not be noticed",
                file=sys.stderr,
            )
        self._warned = True


def not_finite(tree: Any) -> str | None:
    """The path of the first array with a value that is not finite, such as 'params/bias'."""
    for path, leaf in jax.tree.leaves_with_path(tree):
        values = np.asarray(leaf.addressable_data(0) if isinstance(leaf, jax.Array) else leaf)
        if jax.numpy.issubdtype(values.dtype, np.inexact):
            wide = values.astype(np.float32) if values.dtype.itemsize < 4 else values
            if not np.isfinite(wide).all():
                return jax.tree_util.keystr(path, simple=True, separator="/")
    return None


def reason(error: Exception) -> str:
    """What went wrong, without the paths and source code addresses that tensorstore adds."""
    for status, meaning in _STATUSES.items():
        if status in str(error):
            return meaning
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return first_line(error).partition(" [")[0]
