"""Some training steps, run by tests in processes of their own, on as many devices as they want.

    python -m tests.on_devices KIND OUT.npz [KEY=VALUE ...]

Clips and labels are drawn at random from a fixed seed. With several processes (`fdd.parallel`),
each feeds its share.
"""

import ast
import functools
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
BATCH_SIZE = 16


def start(
    num_devices: int, kind: str, out: pathlib.Path, *settings: str, **environment: str
) -> subprocess.Popen:
    """Starts this program on simulated CPU devices."""
    flags = (
        f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={num_devices}"
    )
    x64 = {"JAX_ENABLE_X64": "1"} if "precision='float64'" in settings else {}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.on_devices", kind, out, *settings],
        env={**os.environ, "JAX_PLATFORMS": "cpu", **environment, "XLA_FLAGS": flags, **x64},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def result(process: subprocess.Popen, out: pathlib.Path) -> dict[str, np.ndarray]:
    """Waits for what `start` started, and loads what it saved."""
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0, text
    with np.load(out) as arrays:
        return dict(arrays)


def batches(num_steps: int, rows: slice):
    """Yields these rows of batches of random clips."""
    rng = np.random.default_rng(0)
    for step in range(num_steps):
        label = rng.integers(0, 2, BATCH_SIZE)
        frames = rng.integers(0, 256, (BATCH_SIZE, 10, 32, 32, 3))
        frames = frames // (1 + label[:, None, None, None, None])  # Something to learn.
        position = np.arange(BATCH_SIZE, dtype=np.int32) + step * BATCH_SIZE
        yield {
            "frames": frames.astype(np.uint8)[rows],
            "label": label.astype(np.float32)[rows],
            "position": position[rows],
        }


def main(kind: str, out: str, *settings: str) -> None:
    """Saves losses, parameters, statistics, evaluation and what the program communicates."""
    import jax
    import optax

    from configs import demo
    from fdd import models, parallel, steps
    from fdd.models import pretrained
    from fdd.state import Recipe, create_state

    parallel.initialize()
    config = demo.get_config()
    config.update({"batch_size": BATCH_SIZE, "learning_rate": 1e-4, "parallel": kind})
    config.schedule = "constant"
    config = pretrained.with_normalization(config)
    config.augment.update({"brightness": 0.1, "contrast": 0.1})
    options = {"num_steps": 3, "communication": False}
    for setting in settings:
        key, _, value = setting.partition("=")
        value = ast.literal_eval(value)
        if key in options:
            options[key] = value
        else:
            config.update_from_flattened_dict({key: value})
    devices = parallel.Parallel(kind)
    devices.check_batch_size(BATCH_SIZE, config.accumulate_steps)
    task = steps.create_task(config)
    dtype = models.parameter_dtype(config)
    recipe = Recipe(task.model, task.optimizer, (10, 32, 32, 3), dtype=dtype)
    state = create_state(recipe, 0, devices.replicated)
    share = BATCH_SIZE // jax.process_count()
    rows = slice(jax.process_index() * share, (jax.process_index() + 1) * share)
    first = next(batches(1, rows))
    saved = {}
    step = functools.partial(steps.train_step, task=task)
    if options["communication"]:
        program = devices.lower(step, state, first, donate=True).compile().as_text()
        for name, count in parallel.communicated_bytes(program).items():
            saved[f"bytes/{name}"] = np.array(count)
    train_step = devices.compile(step, donate=True)
    eval_step = devices.compile(functools.partial(steps.eval_step, task=task))
    losses, seconds = [], []
    for batch in batches(options["num_steps"], rows):
        begun = time.perf_counter()
        state, info = train_step(state, batch)
        if not losses:  # Adam's first moments are a tenth of the first gradients.
            adam = optax.tree.get_all_with_path(state.opt_state, "mu")
            moments = [leaf for _, tree in adam for leaf in jax.tree.leaves(tree)]
            saved |= {f"gradient/{i}": 10 * np.asarray(leaf) for i, leaf in enumerate(moments)}
        losses.append(float(info["loss"]))
        seconds.append(time.perf_counter() - begun)
    logits = np.asarray(eval_step(state, {"frames": first["frames"]}))
    for name in ("params", "batch_stats"):
        for path, leaf in jax.tree.leaves_with_path(getattr(state, name)):
            saved[f"{name}{jax.tree_util.keystr(path)}"] = np.asarray(leaf)
    sums = state.sums.compute()
    if parallel.is_main():
        np.savez(
            out, losses=losses, logits=logits, accuracy=sums["accuracy"], seconds=seconds, **saved
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
