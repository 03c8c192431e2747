"""How a process uses memory."""

import os
import pathlib
import statistics
import subprocess
import sys

import pytest

# To copy the batch takes longer than to start the step, which needs memory too.
STEPS = """
import resource

import jax.numpy as jnp
import numpy as np

from fdd.devices import runtime
from fdd.devices.parallel import Parallel

runtime.prepare()
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

HEAP = """
import pathlib

from fdd.devices import runtime

runtime.prepare()
areas = pathlib.Path("/proc/self/smaps").read_text().split("VmFlags:")
for area, after in zip(areas, areas[1:]):
    if "[heap]" in area:
        size = next(line.split()[1] for line in area.splitlines() if line.startswith("Size:"))
        print(size, "hg" in after.splitlines()[0].split())
"""


def run(program: str) -> str:
    command, environment = [sys.executable, "-c", program], {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def test_steps_find_their_memory_again():
    """A step works on 16,000 pages and more; those that it takes from the system are counted."""
    assert statistics.median(map(int, run(STEPS).split())) < 1000


def offers_huge_pages() -> bool:
    smaps, overcommit = pathlib.Path("/proc/self/smaps"), "/proc/sys/vm/overcommit_memory"
    return (
        pathlib.Path("/sys/kernel/mm/transparent_hugepage").exists()
        and "VmFlags:" in smaps.read_text()
        and pathlib.Path(overcommit).read_text().strip() != "2"  # Then none are asked for.
    )


@pytest.mark.skipif(not offers_huge_pages(), reason="this system has no huge pages on request")
def test_most_of_the_heap_asks_for_huge_pages():
    areas = [line.split() for line in run(HEAP).splitlines()]
    asking = sum(int(size) for size, asks in areas if asks == "True")
    others = sum(int(size) for size, asks in areas if asks == "False")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert asking > 0.45 * memory / 1024
    assert others < 2**18  # 256 MiB, in KiB.
