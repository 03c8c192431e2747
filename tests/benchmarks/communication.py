"""How many bytes eight devices send each other in a training step, from the compiled program.

    python -m tests.benchmarks.communication [--config=configs/resnet_lstm.py]

At least the gradients must be sent, 4 bytes per parameter. Frames have 32 pixels here, which
changes neither number.
"""

import argparse
import functools
import importlib
import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np

from fdd.devices import parallel
from fdd.training import pretrained, steps
from fdd.training.task import create_state, create_task


def main() -> None:
    """Prints bytes and their ratio to the least."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/resnet_lstm.py")
    name = parser.parse_args().config.removesuffix(".py").replace("/", ".")
    config = importlib.import_module(name).get_config()
    config.model.pretrained = ""
    config.data.image_size = 32
    task = create_task(pretrained.with_normalization(config))
    batch = {
        "frames": np.zeros((16, 10, 32, 32, 3), np.uint8),
        "label": np.zeros(16, np.float32),
        "position": np.zeros(16, np.int32),
    }
    for kind in ("jit", "pmap"):
        devices = parallel.Parallel(kind)
        state = create_state(task, 0, devices.replicated)
        step = functools.partial(steps.train_step, task=task)
        program = devices.lower(step, state, batch).compile().as_text()
        sent = parallel.communicated_bytes(program)
        least = sum(4 * leaf.size for leaf in jax.tree.leaves(state.params))
        ratio = sum(sent.values()) / least
        print(f"{kind}: {sent}, gradients {least} bytes, ratio {ratio:.4f}")


if __name__ == "__main__":
    main()
