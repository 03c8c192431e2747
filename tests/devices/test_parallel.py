"""Eight devices, or two processes, compute what one device computes.

Sums over devices add in another order than sums on one, and so do the sums of another compiler,
thread pool or processor. That is rounding, and training amplifies it: a value that moves across
the kink of a ReLU takes its gradient with it, and Adam divides a gradient by its own size. So what
is to be the same is computed in float64, where rounding starts at 1e-16 and stays far below `SAME`
after some steps, while a sum that is wrong is off by more than a thousandth. In float32 only the
first step is compared, with a bound that arithmetic gives.
"""

import os
import pathlib
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fdd import train
from fdd.devices import parallel
from fdd.errors import UserError
from tests import kill_and_resume, on_devices, once
from tests.rounding import LOGIT, SAME, worst

# The longest sum is the stem's, over all places of all frames of all clips. Some 40 sums follow
# each other: a convolution and a normalisation in each of 4 layers, 10 steps of the LSTM, forward
# and backward. A gradient that was not summed over the devices is off by more than half.
TERMS = on_devices.BATCH_SIZE * 10 * (on_devices.SIZE // 2) ** 2
FLOAT32 = worst(TERMS, depth=40)  # 0.10.
# Of bfloat16's 8 bits; sums are float32, so each of the encoder's 4 layers rounds its result alone,
# after it has rounded its input and its kernel.
BFLOAT16 = 4 * 3 * 2.0**-8

# Of several processes, the first alone keeps compiled programs. If it finds one, the others compile
# while it waits for them, which it does for 30 seconds.
UNCACHED = {"JAX_ENABLE_COMPILATION_CACHE": "false"}

DOUBLE = {"precision": "float64"}
FROZEN = {**DOUBLE, "frozen_batch_stats": True, "model.encoder": kill_and_resume.QUICK}
CASES = {
    "float64": DOUBLE,
    "remat": {**DOUBLE, "remat": True},
    "frozen": FROZEN,
    "frozen, parts": {**FROZEN, "accumulate_steps": 4},
    "float32": {},
    "bfloat16": {"precision": "bfloat16"},
}


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """What one device computes."""

    def make(path):
        found = {name: on_devices.train(settings) for name, settings in CASES.items()}
        path.write_bytes(pickle.dumps(found))

    return pickle.loads(once.made(tmp_path_factory, "one_device", make).read_bytes())


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    """What eight devices compute."""
    cases = {kind: {**DOUBLE, "parallel": kind} for kind in ("jit", "pmap")}

    def make(path):
        out = path.with_suffix(".npz")  # Which NumPy wants.
        path.write_bytes(pickle.dumps(on_devices.result(on_devices.start(8, out, cases), out)))

    return pickle.loads(once.made(tmp_path_factory, "eight_devices", make).read_bytes())


def _difference(one, other, group=""):
    """The largest difference in an array, relative to the largest value in it."""
    names = [name for name in one if name.startswith(group) and not name.startswith("bytes")]
    assert names and {*names} <= {*other}
    return max(
        np.abs(one[name] - other[name]).max() / (np.abs(one[name]).max() or 1) for name in names
    )


@pytest.mark.parametrize("kind", ["jit", "pmap"])
def test_eight_devices_compute_what_one_does(one, eight, kind):
    assert one["float64"]["losses"][-1] < one["float64"]["losses"][0]
    assert _difference(one["float64"], eight[kind]) < SAME


def test_float32_is_as_near_as_its_rounding(one):
    exact, rounded = one["float64"], one["float32"]
    assert _difference(exact, rounded, "gradient") < FLOAT32
    assert abs(rounded["losses"][0] - exact["losses"][0]) < FLOAT32 * exact["losses"][0]


def test_types(one):
    for case, dtype in (("float64", "float64"), ("float32", "float32"), ("bfloat16", "float32")):
        arrays = {name: array for name, array in one[case].items() if name != "losses"}
        assert {array.dtype.name for array in arrays.values()} == {dtype}, case


def test_two_processes_of_four_devices_found_through_slurm(one, tmp_path):
    processes = [
        on_devices.start(
            4,
            tmp_path / "out.npz",
            {"frozen": {**FROZEN, "parallel": "jit"}},
            **UNCACHED,
            SLURM_JOB_ID=str(os.getpid()),  # Decides the port.
            SLURM_STEP_NODELIST="localhost",
            SLURM_STEP_NUM_NODES="1",
            SLURM_NTASKS="2",
            SLURM_PROCID=str(index),
            SLURM_LOCALID=str(index),
        )
        for index in range(2)
    ]
    both = on_devices.result(processes[0], tmp_path / "out.npz")
    assert processes[1].wait(timeout=60) == 0
    assert _difference(one["frozen"], both["frozen"]) < SAME


def test_only_gradients_and_statistics_are_communicated(eight):
    for kind in ("jit", "pmap"):
        arrays = eight[kind]
        sent = {name: int(arrays[name]) for name in arrays if name.startswith("bytes/")}
        assert sent.keys() == {"bytes/all-reduce"}
        gradients = sum(arrays[name].nbytes for name in arrays if name.startswith("params"))
        # Of each channel: two statistics, their gradients for each of ten frames, and what is kept.
        channels = sum(arrays[name].nbytes for name in arrays if name.startswith("batch_stats"))
        assert gradients < sent["bytes/all-reduce"] <= gradients + 12 * channels


def test_communicated_bytes_counts_a_gather():
    program = """
  %a = (f32[2,3]{1,0}, bf16[]) all-reduce(f32[2,3]{1,0} %x, bf16[] %y), channel_id=1
  %b = f32[8]{0} all-gather(f32[4]{0} %z), dimensions={0}
  %c = f32[5]{0} all-reduce-start(f32[5]{0} %q)
  %d = f32[5]{0} all-reduce-done(f32[5]{0} %c)
  %e = f32[9]{0} add(f32[9]{0} %all-reduce.1, f32[9]{0} %q)
"""
    assert parallel.communicated_bytes(program) == {"all-reduce": 26 + 20, "all-gather": 32}


def test_rematerialisation_changes_nothing(one):
    assert _difference(one["float64"], one["remat"]) < SAME


def test_accumulation_changes_nothing_if_statistics_are_frozen(one):
    assert _difference(one["frozen"], one["frozen, parts"]) < SAME


def test_bfloat16_is_near(one):
    """The first loss, whose slope by a logit of about one is at most 1."""
    exact, half = (one[case]["losses"][0] for case in ("float64", "bfloat16"))
    assert 0 < abs(half - exact) < BFLOAT16


def test_float64_without_x64_is_refused(config):
    config.precision = "float64"
    with pytest.raises(UserError, match=r"config.precision is 'float64', .* JAX_ENABLE_X64 is 1"):
        train.evaluate_again(config, pathlib.Path("nowhere"))


def test_batches_that_cannot_be_divided_among_devices():
    devices = parallel.Parallel("jit")
    devices.check_batch_size(12, 3)
    with pytest.raises(UserError, match=r"12, which 1 devices with config.accumulate_steps=5"):
        devices.check_batch_size(12, 5)


def test_incomplete_flags():
    with pytest.raises(UserError, match="belong together"):
        parallel.initialize("localhost:1234")


def test_evaluation_does_not_depend_on_the_number_of_devices(finished, tmp_path):
    """Four devices for a run whose report was written by one."""
    copy = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(copy / "evaluations", ignore_errors=True)
    command = [sys.executable, "-m", "fdd.evaluate", f"--workdir={copy}", "--split=test"]
    flags = on_devices.flags(4)
    subprocess.run(
        command, check=True, env={**os.environ, "XLA_FLAGS": flags}, cwd=pathlib.Path.cwd()
    )
    (folder,) = (copy / "evaluations").glob("*-test-as_is")
    again, first = kill_and_resume.logits(folder), kill_and_resume.logits(finished / "report")
    assert again.keys() == first.keys()
    for key, logit in again.items():
        assert logit == pytest.approx(first[key], abs=LOGIT)
