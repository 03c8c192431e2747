"""The same work in this project and in others; each is a program that runs steps on request."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def work() -> dict[str, Any]:
    """What the command line asks for: the fields of `side_by_side.Work`."""
    return json.loads(sys.argv[1])


def random_batch(
    *, batch_size: int, num_frames: int, image_size: int, **_: object
) -> tuple[np.ndarray, np.ndarray]:
    """Clips, uint8 [b, t, h, w, 3], and labels, float32 [b]."""
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (batch_size, num_frames, image_size, image_size, 3), np.uint8)
    return clips, (np.arange(batch_size) % 2).astype(np.float32)


def serve(step: Callable[[], object], device: str, memory: Callable[[], float | None]) -> None:
    """Takes two steps, prints the device, and for each line that comes one JSON object.

    It holds a step's 'seconds' and the device's 'memory_gib' at its peak so far.

    Args:
        step: Does the work and waits for its result.
        device: In words.
        memory: Returns the peak in GiB, or None where nobody counts it.
    """
    for _ in range(2):
        step()
    print(device, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "memory_gib": memory()}), flush=True)
