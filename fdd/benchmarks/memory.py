"""Which setting lets a config's step fit into GPUs of some sizes."""

import dataclasses
import functools
import sys
from typing import Any

import ml_collections

from fdd.benchmarks import network, timing
from fdd.devices import memory, runtime
from fdd.devices.parallel import Parallel
from fdd.errors import UserError
from fdd.training import config_checks, counted, fit

_SIZES = (8, 16, 24, 40, 80)  # GB, as GPUs are sold.
_FRACTION = 0.75  # What JAX takes of a GPU, unless XLA_PYTHON_CLIENT_MEM_FRACTION says otherwise.
_OF_A_CPU = (
    "in float32 counted by the compiler for a CPU; in bfloat16, which a CPU's program widens, "
    "counted from the program, without what convolutions need; neither was compared with a GPU"
)


def measure_memory(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Finds for some sizes of GPUs the first setting with which a step fits; nothing is run.

    Three quarters of a GPU's memory are taken to be free, which is JAX's limit. Each setting is
    compiled once, and only if it may fit.

    Args:
        config: Gives network, precision, batch size and devices.

    Returns:
        'device', 'devices', 'batch_size', 'clip' (frames, height, width), 'precision';
        'needed_gib' of a step on a device; 'sizes': for '8 GB' and so on {'free_gib', 'setting':
        'as it is', a flag, or 'none', 'needed_gib' with it or None}; 'counted_to_compiled':
        ratio of `fdd.training.counted` to the compiler's figure for the step as it is, None where
        the compiler was not asked; 'estimate': what the figures are.

    Raises:
        UserError: the config cannot be used, or the compiler reports no memory.
    """
    config, devices, task = network.opened(config)
    config_checks.check_batch(config, devices)
    from_program = counted.step_bytes(config, devices.mesh.size)

    need = _needed(config, devices)
    if need is None:
        raise UserError(f"the compiler for {runtime.device_name()} reports no memory")

    @functools.cache
    def compute(key: str, value: object) -> fit.Change:
        change = fit.Change(key=key, value=value, needed=sys.maxsize)
        found = _needed(change.applied_to(config), devices)
        return change if found is None else dataclasses.replace(change, needed=found)

    def row(size: int) -> dict[str, Any]:
        free = int(_FRACTION * size * 10**9)
        setting, found = "as it is", need
        if need > free:
            change = fit.first_that_fits(config, devices, need, free, compute)
            setting, found = (str(change), change.needed) if change else ("none", None)
        gib = None if found is None else found / memory.GIB
        return {"free_gib": free / memory.GIB, "setting": setting, "needed_gib": gib}

    return {
        "kind": "memory",
        **timing.device(),
        "batch_size": config.batch_size,
        "clip": list(task.clip_shape[:3]),
        "precision": config.precision,
        "needed_gib": need / memory.GIB,
        "sizes": {f"{size} GB": row(size) for size in _SIZES},
        "counted_to_compiled": None if _is_widened(config) else from_program / need,
        "estimate": _OF_A_CPU if runtime.on_cpu() else "counted by the compiler for this device",
    }


def _needed(config: ml_collections.ConfigDict, devices: Parallel) -> int | None:
    """Bytes that a step needs on a device; None if the compiler reports nothing."""
    if _is_widened(config):
        return counted.step_bytes(config, devices.mesh.size)
    return fit.needed(config, devices)


def _is_widened(config: ml_collections.ConfigDict) -> bool:
    """Whether the program of this machine computes in wider numbers than a GPU's."""
    return runtime.on_cpu() and config.precision == "bfloat16"
