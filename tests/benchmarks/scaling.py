"""The overhead of a step on eight devices, on simulated devices that share this machine's cores.

    python -m tests.benchmarks.scaling [--repeats=7]

Eight simulated devices process the same global batch as one. They have no more cores, so a step
should take the same time; any additional time is overhead. For comparison, one device processes an
eighth of the batch, and its time is multiplied by eight. This shows the overhead from work that
every device does for itself, such as the optimiser's; the rest comes from eight devices that
disturb each other. Each variant has its own process, and they take turns of a step, or of steps for
a second. Wall and processor time of a step are compared. No variant keeps freed memory
(`fdd.devices.runtime` would keep it for one device only).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from fdd import tables

_WORK = {
    "demo's network, 32 clips of 48²": ("configs.demo", 32, 48),
    "ResNet-50 + LSTM(256), 8 clips of 112²": ("configs.resnet_lstm", 8, 112),
    "ResNet-50 + LSTM(256), 32 clips of 112²": ("configs.resnet_lstm", 32, 112),
}


def serve(config_name: str, batch_size: int, image_size: int, kind: str) -> None:
    """Takes train steps for a second for each line that comes; prints wall and processor time."""
    import functools
    import importlib

    import jax
    import numpy as np

    from fdd.devices.parallel import Parallel
    from fdd.training import pretrained, steps
    from fdd.training.task import create_state, create_task

    config = importlib.import_module(config_name).get_config()
    config.model.pretrained = ""
    config.batch_size = batch_size
    config.data.image_size = image_size
    config = pretrained.with_normalization(config)
    task = create_task(config)
    rng = np.random.default_rng(0)
    batch = {
        "frames": rng.integers(0, 256, (batch_size, *task.clip_shape), np.uint8),
        "label": (np.arange(batch_size) % 2).astype(np.float32),
        "position": np.arange(batch_size, dtype=np.int32),
    }
    devices = Parallel(kind)
    state = create_state(task, 0, devices.replicated)
    step = devices.compile(functools.partial(steps.train_step, task=task), donate=True)
    for _ in range(2):
        state, info = step(state, batch)
        jax.block_until_ready((state, info))
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, cpu, count = time.perf_counter(), time.process_time(), 0
        while not count or time.perf_counter() - wall < 1:
            state, info = step(state, batch)
            jax.block_until_ready((state, info))
            count += 1
        spent = (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count
        print(json.dumps(spent), flush=True)


def start(work: tuple[str, int, int], kind: str, devices: int) -> subprocess.Popen:
    """Starts `serve` on this number of simulated devices."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.scaling", "--serve", json.dumps([*work, kind])],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def main() -> None:
    """Prints medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(*json.loads(options.serve))
        return
    rows = [("train step", "devices", "wall s", "processor s", "wall ÷", "processor ÷")]
    for name, work in _WORK.items():
        config, batch_size, image_size = work
        eighth = (config, batch_size // 8, image_size)
        setups = {
            "1": (work, "jit", 1),
            "1, an eighth × 8": (eighth, "jit", 1),
            "8, jit": (work, "jit", 8),
            "8, pmap": (work, "pmap", 8),
        }
        processes = {label: start(*setup) for label, setup in setups.items()}
        spent = {label: [] for label in setups}
        for _ in range(options.repeats):
            for label, process in processes.items():
                process.stdin.write("step\n")
                process.stdin.flush()
                times = 8 if setups[label][0] is eighth else 1
                seconds = json.loads(process.stdout.readline())
                spent[label].append([times * each for each in seconds])
        for process in processes.values():
            process.stdin.close()
            process.wait()
        base = [statistics.median(each) for each in zip(*spent["1"], strict=True)]
        for label, both in spent.items():
            medians = [statistics.median(each) for each in zip(*both, strict=True)]
            ratios = [f"{ours / one:.2f}" for ours, one in zip(medians, base, strict=True)]
            rows.append((name, label, *(f"{value:.2f}" for value in medians), *ratios))
    print(tables.aligned(rows, names=2))


if __name__ == "__main__":
    main()
