"""Which setting lets a config's step fit into GPUs of some sizes."""

import functools
import sys
from typing import Any

import ml_collections

from fdd.benchmarks import timing
from fdd.devices import memory, runtime
from fdd.devices.parallel import Parallel
from fdd.errors import UserError
from fdd.training import config_checks, fit, pretrained
from fdd.training.task import create_task

_SIZES = (8, 16, 24, 40, 80)  # GB, as GPUs are sold.
_FRACTION = 0.75  # What JAX takes of a GPU, unless XLA_PYTHON_CLIENT_MEM_FRACTION says otherwise.
_OF_A_CPU = (
    "counted by the compiler for a CPU, and not compared with a GPU: for float32 take it as an "
    "upper estimate; bfloat16 is not known here, since a CPU's program widens it"
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
        'as it is', a flag, or 'none', 'needed_gib' with it or None}; 'bfloat16': 'not known here'
        or 'counted'; 'estimate': what the figures are.

    Raises:
        UserError: the config cannot be used, the compiler reports no memory, or on a CPU, the
            config computes in bfloat16.
    """
    config = config.copy_and_resolve_references()
    config.model.pretrained = ""
    config_checks.check(config)
    config = pretrained.with_normalization(config)
    devices = Parallel(config.parallel)
    devices.check_batch_size(config.batch_size, config.accumulate_steps)
    if runtime.on_cpu() and config.precision == "bfloat16":
        raise UserError(
            "a CPU's compiler says nothing about bfloat16 on a GPU: take --config.precision=float32"
        )
    need = fit.needed(config, devices)
    if need is None:
        raise UserError(f"the compiler for {runtime.device_name()} reports no memory")

    @functools.cache
    def compute(key: str, value: object) -> fit.Change:
        if key == "precision" and runtime.on_cpu():  # Not known, so it does not count as fitting.
            return fit.Change(key=key, value=value, needed=sys.maxsize)
        return fit.computed(config, devices, key, value)

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
        "clip": list(create_task(config).clip_shape[:3]),
        "precision": config.precision,
        "needed_gib": need / memory.GIB,
        "sizes": {f"{size} GB": row(size) for size in _SIZES},
        "bfloat16": "not known here" if runtime.on_cpu() else "counted",
        "estimate": _OF_A_CPU if runtime.on_cpu() else "counted by the compiler for this device",
    }
