"""How fast training is, for TensorBoard, speed.jsonl and profilers."""

import contextlib
import pathlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import jax

Item = TypeVar("Item")


class SpeedMeter:
    """Counts steps, their time, and the time that they wait for input."""

    def __init__(self, batch_size: int):
        """Starts the clock.

        Args:
            batch_size: Clips per step, over all devices.
        """
        self._batch_size = batch_size
        self._restart()

    def watch(self, batches: Iterable[Item]) -> Iterator[Item]:
        """Yields the batches, one per step, and counts the time of waiting for them."""
        iterator = iter(batches)
        while True:
            start = time.perf_counter()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            self._waited += time.perf_counter() - start
            self._steps += 1
            yield batch

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """A context whose time is not counted."""
        start = time.perf_counter()
        yield
        self._start += time.perf_counter() - start

    def read(self) -> dict[str, float]:
        """The speed since the last reading, or since the start.

        Returns:
            {'steps_per_second', 'clips_per_second', 'input_wait': fraction of the time, 0 to 1,
            'device_memory_peak_gib': of the first device, if it reports it}.
        """
        seconds = time.perf_counter() - self._start
        rate = self._steps / seconds
        speed = {
            "steps_per_second": rate,
            "clips_per_second": rate * self._batch_size,
            "input_wait": self._waited / seconds,
        }
        stats = jax.local_devices()[0].memory_stats() or {}
        if "peak_bytes_in_use" in stats:
            speed["device_memory_peak_gib"] = stats["peak_bytes_in_use"] / 2**30
        self._restart()
        return speed

    def _restart(self) -> None:
        self._start, self._waited, self._steps = time.perf_counter(), 0.0, 0


@contextlib.contextmanager
def tracing(
    folder: pathlib.Path, steps_to_record: tuple[int, int] | None
) -> Iterator[Callable[[int], None]]:
    """A context in which a profiler records some steps.

    Args:
        folder: Folder for the trace.
        steps_to_record: The first step to record, and the step to stop before; None: no steps.

    Returns:
        A function to call before each step, with its number.
    """
    running = False

    def before(step: int) -> None:
        nonlocal running
        if steps_to_record and not running and step == steps_to_record[0]:
            jax.profiler.start_trace(folder, create_perfetto_trace=True)
            running = True
        elif running and step == steps_to_record[1]:
            jax.profiler.stop_trace()
            running = False

    try:
        yield before
    finally:
        if running:
            jax.profiler.stop_trace()
