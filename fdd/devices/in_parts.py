"""Steps that look at each clip for itself, taken in parts where memory does not last."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from fdd.errors import is_out_of_memory

PyTree = Any


class InParts:
    """A compiled step that takes half as many clips at a time whenever memory runs out.

    What it gives for a clip must not depend on the others. It remembers how many clips at a time
    went well. Processes that work together must take the same steps, so several never halve.
    """

    def __init__(self, step: Callable[[PyTree, Mapping[str, np.ndarray]], PyTree], count: int):
        """Takes a step.

        Args:
            step: (state, arrays [b, ...]) to arrays [b, ...].
            count: Of devices, which get equally many clips.
        """
        self._step, self._count = step, count
        self._well = 0  # So many clips at a time have gone well,
        self._most: int | None = None  # and more than so many have not.

    def __call__(self, state: PyTree, batch: Mapping[str, np.ndarray]) -> PyTree:
        """Takes the step; the results of parts are put together again, as NumPy arrays.

        Raises:
            Exception: memory runs out with one clip on each device.
        """
        rows = len(next(iter(batch.values())))
        size = min(rows, self._most or rows)
        while True:
            try:
                found = self._in_parts_of(size, state, batch, rows)
                if size > self._well:
                    jax.block_until_ready(found)  # A device may say only then that it is full.
                    self._well = size
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
    """The array with its last row again and again, up to so many rows."""
    return np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])
