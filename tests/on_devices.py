"""Some training steps that tests run in separate processes, on any number of devices.

    python -m tests.on_devices OUT.npz CASES

CASES is JSON: names to settings, each a key of a config and its value; one process trains each of
them from the same start. Clips and labels are drawn at random from a fixed seed. With several
processes (`fdd.devices.parallel`), each feeds its shard.
"""

import functools
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
BATCH_SIZE = 16
SIZE = 32
NUM_STEPS = 5

Arrays = dict[str, np.ndarray]


def flags(num_devices: int) -> str:
    """XLA_FLAGS for this number of simulated devices, added to those of the tests."""
    given = os.environ.get("XLA_FLAGS", "")
    return f"{given} --xla_force_host_platform_device_count={num_devices}".strip()


def start(
    num_devices: int, out: pathlib.Path, cases: Mapping[str, Mapping[str, Any]], **environment: str
) -> subprocess.Popen:
    """Starts this program on simulated CPU devices."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.on_devices", out, json.dumps(cases)],
        env={**os.environ, "XLA_FLAGS": flags(num_devices), "JAX_PLATFORMS": "cpu", **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def result(process: subprocess.Popen, out: pathlib.Path) -> dict[str, Arrays]:
    """Waits for what `start` started, and loads what each case saved."""
    text, _ = process.communicate(timeout=600)
    assert process.returncode == 0, text
    found: dict[str, Arrays] = {}
    with np.load(out) as arrays:
        for name, array in arrays.items():
            case, _, key = name.partition("|")
            found.setdefault(case, {})[key] = array
    return found


def batches(num_steps: int, rows: slice) -> Iterator[Arrays]:
    """Yields these rows of batches of random clips."""
    rng = np.random.default_rng(0)
    for step in range(num_steps):
        label = rng.integers(0, 2, BATCH_SIZE)
        frames = rng.integers(0, 256, (BATCH_SIZE, 10, SIZE, SIZE, 3))
        frames = frames // (1 + label[:, None, None, None, None])  # Something to learn.
        position = np.arange(BATCH_SIZE, dtype=np.int32) + step * BATCH_SIZE
        yield {
            "frames": frames.astype(np.uint8)[rows],
            "label": label.astype(np.float32)[rows],
            "position": position[rows],
        }


def train(settings: Mapping[str, Any]) -> Arrays:
    """Returns losses, first gradients, parameters, statistics, and what was communicated."""
    import jax

    with jax.enable_x64(settings.get("precision") == "float64"):
        return _train(settings)


def _train(settings: Mapping[str, Any]) -> Arrays:
    import jax

    from fdd import parts
    from fdd.configs import demo
    from fdd.devices import parallel
    from fdd.training import pretrained, steps
    from fdd.training.task import create_state, create_task

    config = demo.get_config()
    config.update({"batch_size": BATCH_SIZE, "learning_rate": 1e-4, "schedule": "constant"})
    config.model.encoder = "resnet_tiny"
    config.data.image_size = SIZE
    config.augment.update({"brightness": 0.1, "contrast": 0.1})
    config.update_from_flattened_dict(dict(settings))
    parts.import_those_of(config)
    config = pretrained.with_normalization(config)
    devices = parallel.Parallel(config.parallel)
    devices.check_batch_size(BATCH_SIZE, config.accumulate_steps)
    task = create_task(config)
    state = create_state(task, 0, devices.replicated)
    share = BATCH_SIZE // jax.process_count()
    rows = slice(jax.process_index() * share, (jax.process_index() + 1) * share)
    first = next(batches(1, rows))
    step = functools.partial(steps.train_step, task=task)
    saved = {}
    if devices.mesh.size > 1 and jax.process_count() == 1:  # Compiles it once more.
        program = devices.lower(step, state, first, donate=True).compile().as_text()
        for name, count in parallel.communicated_bytes(program).items():
            saved[f"bytes/{name}"] = np.array(count)
    train_step = devices.compile(step, donate=True)
    losses = []
    for batch in batches(NUM_STEPS, rows):
        state, info = train_step(state, batch)
        if not losses:  # Adam's first moments are a tenth of the first gradients.
            saved |= _named("gradient", state.opt_state)
        losses.append(float(info["loss"]))
    saved["losses"] = np.array(losses)
    return saved | _named("params", state.params) | _named("batch_stats", state.batch_stats)


def _named(group: str, tree: Any) -> Arrays:
    import jax

    leaves = jax.tree.leaves_with_path(tree)
    return {
        f"{group}{jax.tree_util.keystr(path)}": np.asarray(leaf)
        for path, leaf in leaves
        if leaf.ndim and (group != "gradient" or any(_is_mu(key) for key in path))
    }


def _is_mu(key: Any) -> bool:
    return getattr(key, "name", None) == "mu"


def main(out: str, cases: str) -> None:
    """Saves what `train` gives for each case."""
    from fdd.devices import parallel

    parallel.initialize()
    found = {}
    for name, settings in json.loads(cases).items():
        found |= {f"{name}|{key}": array for key, array in train(settings).items()}
    if parallel.is_main():
        np.savez(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
