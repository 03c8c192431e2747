"""How a process uses memory, and what it says about its device."""

import os
import statistics
import subprocess
import sys

# To copy the batch takes longer than to start the step, which needs memory too.
STEPS = """
import resource

import jax.numpy as jnp
import numpy as np

from fdd.devices import runtime
from fdd.devices.parallel import Parallel

runtime.keep_memory()
step = Parallel("jit").compile(lambda state, batch: state + jnp.sort(batch["frames"]).mean())
batch = {"frames": np.ones((2**21, 8), np.float32)}
state = jnp.zeros(())
faults = []
for _ in range(12):
    state = step(state, batch)
    state.block_until_ready()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(*np.diff(faults))
"""

# A machine with a GPU that JAX cannot use; the command is one of those that absl starts.
WITHOUT_CUDA = """
from absl import app

from fdd import cli


def main(_):
    import jax
    from jax._src import hardware_utils

    hardware_utils.has_visible_nvidia_gpu = lambda: True
    print(jax.devices())


def start():
    with cli.one_line():
        app.run(main)


cli.start(start)
"""


def run(program: str, **environment: str) -> str:
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def test_steps_reuse_their_memory():
    """A step works on 16,000 pages and more; those that it takes from the system are counted."""
    assert statistics.median(map(int, run(STEPS).split())) < 1000


def test_keeping_memory_can_be_turned_off():
    assert statistics.median(map(int, run(STEPS, FDD_KEEP_MEMORY="0").split())) > 10_000


def test_an_unusable_gpu_is_reported():
    """absl, whose level the commands raise, would keep JAX's warning to itself."""
    environment = {**os.environ, "JAX_PLATFORMS": "", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", WITHOUT_CUDA]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    either = ("An NVIDIA GPU may be present on this machine", "CUDA backend failed to initialize")
    assert any(line in done.stderr for line in either)  # Without and with JAX's CUDA plugin.
