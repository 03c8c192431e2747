"""Steps that process each clip independently, in parts if memory runs out."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from fdd.errors import is_out_of_memory

PyTree = Any


class InParts:
    """A compiled step that processes half as many clips at a time whenever memory runs out.

    The result for a clip must not depend on other clips. The number of clips that fitted is
    remembered. Several processes must run the same steps, so with them it is never halved.
    """

    def __init__(
        self,
        step: Callable[[PyTree, Mapping[str, np.ndarray]], PyTree],
        count: int,
        most: int | None = None,
    ):
        """Wraps a step.

        Args:
            step: (state, arrays [b, ...]) to arrays [b, ...].
            count: Number of devices; each gets the same number of clips.
            most: The largest number of clips to try at a time; None: not known.
        """
        self._step, self._count, self._most = step, count, most
        self._fitted = 0  # The largest number of clips at a time that fitted.

    def __call__(self, state: PyTree, batch: Mapping[str, np.ndarray]) -> PyTree:
        """Runs the step; the results of parts are concatenated, as NumPy arrays.

        Raises:
            Exception: memory runs out with one clip on each device.
        """
        rows = len(next(iter(batch.values())))
        size = min(rows, self._most or rows)
        while True:
            try:
                found = self._in_parts_of(size, state, batch, rows)
                if size > self._fitted:
                    jax.block_until_ready(found)  # It may report a full memory only now.
                    self._fitted = size
                return found
            except Exception as error:
                if not is_out_of_memory(error) or jax.process_count() > 1:
                    raise
                smaller = size // 2 // self._count * self._count
                if not smaller:
                    raise
            print(
                f"fdd: there is not enough memory for {size} clips at a time: taking {smaller}",
                file=sys.stderr,
            )
            size = self._most = smaller

    def _in_parts_of(
        self, size: int, state: PyTree, batch: Mapping[str, np.ndarray], rows: int
    ) -> PyTree:
        if size == rows:
            return self._step(state, batch)
        parts = []
        for start in range(0, rows, size):
            part = {
                name: _filled(array[start : start + size], size) for name, array in batch.items()
            }
            parts.append(jax.tree.map(np.asarray, self._step(state, part)))
        return jax.tree.map(lambda *some: np.concatenate(some)[:rows], *parts)


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    """The array, padded to `size` rows with copies of its last row."""
    return np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])
