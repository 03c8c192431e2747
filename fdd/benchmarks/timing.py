"""Timing work, summarising times, and measuring the device's peak."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from fdd.devices import runtime
from fdd.system import process_memory

# Dense bfloat16 products, operations per second, from NVIDIA's data sheets.
_DATASHEET_PEAKS = {
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10": 125e12,
}


def repeat(work: Callable[[], object], repeats: int, warm_up: int = 2) -> list[float]:
    """Seconds of each of `repeats` calls, after some warm-up calls.

    Args:
        work: Returns when it is done, or returns what `jax.block_until_ready` waits for.
        repeats: Number of timed calls.
        warm_up: Number of calls before them.
    """
    seconds = []
    for _ in range(warm_up + repeats):
        start = time.perf_counter()
        jax.block_until_ready(work())
        seconds.append(time.perf_counter() - start)
    return seconds[warm_up:]


def summary(seconds: Sequence[float]) -> dict[str, Any]:
    """{'median', 'low', 'high', 'repeats'} of times in seconds; low and high are the quartiles."""
    low, median, high = seconds * 3 if len(seconds) == 1 else statistics.quantiles(seconds, n=4)
    return {"median": median, "low": low, "high": high, "repeats": len(seconds)}


def memory_peak_gib() -> float | None:
    """Peak memory so far: of the first device if it reports it, else of this process, if known."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        return stats["peak_bytes_in_use"] / 2**30
    return process_memory.peak_gib()


def device() -> dict[str, Any]:
    """{'device': its name, 'devices': their number}."""
    return {"device": runtime.device_name(), "devices": jax.device_count()}


def matmul_flops(precision: str) -> float:
    """Operations per second of a large matrix product on one device, measured: a practical peak."""
    size = 2048 if runtime.on_cpu() else 8192
    a = jnp.ones((size, size), precision)
    product = jax.jit(jnp.matmul)
    return 2 * size**3 / min(repeat(lambda: product(a, a), 5))


def copy_bytes() -> float:
    """Bytes read and written per second by adding 1 to a large array on one device, measured."""
    a = jnp.ones(2**24 if runtime.on_cpu() else 2**29, jnp.float32)
    add = jax.jit(lambda x: x + 1)
    return 2 * a.nbytes / min(repeat(lambda: add(a), 5))


def datasheet_flops(precision: str) -> float | None:
    """The data sheet's operations per second of one device, if known."""
    kind = runtime.device_name()
    if precision != "bfloat16":
        return None
    return next((peak for name, peak in _DATASHEET_PEAKS.items() if name in kind), None)


def text(found: dict[str, Any], indent: str = "") -> str:
    """Measurements as text: a line per value, nested values indented."""
    lines = []
    for name, value in found.items():
        label = f"{indent}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            lines += [f"{label}:", text(value, indent + "  ")]
        else:
            lines.append(f"{label + ':':34s} {_shown(value)}")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3e}" if abs(value) >= 1e5 else f"{value:.4g}"
    return "unknown" if value is None else str(value)
