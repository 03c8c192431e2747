"""Eight devices, or two processes, compute what one device computes.

Sums over devices add in another order than sums on one, so results differ by rounding, which
training amplifies: Adam divides a gradient by its own size. So that a fault cannot hide behind
that, runs are compared in float64, where three steps amplify a rounding of 1e-16 to some 1e-12.
A wrong sum changes results by far more than `SAME`: one clip of sixteen left out changes a
gradient by some per cent, one position of a map left out by 1e-6.

In float32, only the first step is compared, whose parameters are equal, and loosely. Each of some
twenty layers rounds by 6e-8; a rounding can move a value across the kink of a ReLU or change which
of two is the larger in max pooling, and then a gradient changes by that position's part, one of
thousands. `NEAR` is far above, and far below what a wrong sum does.
"""

import csv
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fdd import logs, parallel, settings
from fdd.errors import UserError
from tests import kill_and_resume, on_devices

SMALL = "model.encoder='resnet_tiny'"
EXACT = (SMALL, "precision='float64'")
SAME, NEAR = 1e-9, 0.05


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A function that runs some steps on some devices, once for each set of arguments."""
    folder = tmp_path_factory.mktemp("on_devices")
    finished = {}

    def run(num_devices, kind, *settings):
        key = (num_devices, kind, *settings)
        if key not in finished:
            out = folder / f"{len(finished)}.npz"
            process = on_devices.start(num_devices, kind, out, *settings)
            finished[key] = on_devices.result(process, out)
        return finished[key]

    return run


def _difference(one, other, prefix=""):
    """The largest difference of an array, relative to the largest value in it."""
    names = [name for name in one if name.startswith(prefix)]
    names = [name for name in names if not name.startswith(("bytes", "seconds"))]
    assert names
    return max(np.abs(one[name] - other[name]).max() / np.abs(one[name]).max() for name in names)


def _gradient_difference(one, other):
    """The Euclidean norm of the difference of the first gradients, relative to the gradients'."""
    names = [name for name in one if name.startswith("gradient/")]
    assert len(names) > 20
    square = {name: ((one[name] - other[name]) ** 2).sum() for name in names}
    return np.sqrt(sum(square.values()) / sum((one[name] ** 2).sum() for name in names))


@pytest.mark.parametrize("kind", ["jit", "pmap"])
def test_eight_devices_compute_what_one_does(run, kind):
    one, eight = run(1, "jit", *EXACT), run(8, kind, *EXACT, "communication=True")
    assert {eight[name].dtype for name in eight if "[" in name} == {np.dtype(np.float64)}
    assert _difference(one, eight) < SAME


@pytest.mark.parametrize("kind", ["jit", "pmap"])
def test_eight_devices_compute_nearly_the_same_in_float32(run, kind):
    one, eight = (run(count, kind, SMALL, "num_steps=1") for count in (1, 8))
    assert {eight[name].dtype for name in eight if "[" in name} == {np.dtype(np.float32)}
    assert _difference(one, eight, "losses") < NEAR
    assert _gradient_difference(one, eight) < NEAR


def test_two_processes_of_four_devices_found_through_slurm(run, tmp_path):
    processes = [
        on_devices.start(
            4,
            "jit",
            tmp_path / "out.npz",
            *EXACT,
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
    assert _difference(run(1, "jit", *EXACT), both) < SAME


def test_only_gradients_and_statistics_travel(run):
    for kind in ("jit", "pmap"):
        eight = run(8, kind, *EXACT, "communication=True")
        sent = {name: int(eight[name]) for name in eight if name.startswith("bytes/")}
        assert sent.keys() == {"bytes/all-reduce"}
        gradients, statistics = (
            sum(eight[name].nbytes for name in eight if name.startswith(prefix))
            for prefix in ("params", "batch_stats")
        )
        # Statistics travel forward, the running ones with the gradients, and their gradients back,
        # for each of ten frames; feature maps would be a hundred times as much.
        assert gradients < sent["bytes/all-reduce"] <= gradients + (2 + 10) * statistics


def test_communicated_bytes_sees_a_gather():
    program = """
  %a = (f32[2,3]{1,0}, bf16[]) all-reduce(f32[2,3]{1,0} %x, bf16[] %y), channel_id=1
  %b = f32[8]{0} all-gather(f32[4]{0} %z), dimensions={0}
  %c = f32[5]{0} all-reduce-start(f32[5]{0} %q)
  %d = f32[5]{0} all-reduce-done(f32[5]{0} %c)
  %e = f32[9]{0} add(f32[9]{0} %all-reduce.1, f32[9]{0} %q)
"""
    assert parallel.communicated_bytes(program) == {"all-reduce": 26 + 20, "all-gather": 32}


def test_rematerialisation_changes_nothing(run):
    again = run(1, "jit", *EXACT, "remat=True")
    assert _difference(run(1, "jit", *EXACT), again) < SAME


def test_accumulation_changes_nothing_where_statistics_are_frozen(run):
    whole = run(1, "jit", *EXACT, "frozen_batch_stats=True")
    parts = run(1, "jit", *EXACT, "frozen_batch_stats=True", "accumulate_steps=4")
    assert _difference(whole, parts) < SAME
    trained = run(1, "jit", *EXACT, "accumulate_steps=4")
    assert _difference(run(1, "jit", *EXACT), trained, "losses") > 1e3 * SAME, (
        "it is documented that it differs"
    )


def test_bfloat16_is_near_and_leaves_float32(run):
    """Some ten layers round to 8 bits, by 2^-9 each: 2 % of a value, if all rounds one way."""
    one = run(1, "jit", SMALL, "num_steps=1")
    half = run(1, "jit", SMALL, "num_steps=1", "precision='bfloat16'")
    assert 0 < _difference(one, half, "losses") < 0.05
    assert {half[name].dtype for name in half if "[" in name} == {np.dtype(np.float32)}


def test_float64_needs_the_64_bit_mode(config):
    config.precision = "float64"
    with pytest.raises(UserError, match="set the environment variable JAX_ENABLE_X64=1"):
        settings.check(config)


def test_batches_that_devices_cannot_share():
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
    flags = "--xla_force_host_platform_device_count=4"
    subprocess.run(
        command, check=True, env={**os.environ, "XLA_FLAGS": flags}, cwd=pathlib.Path.cwd()
    )
    (folder,) = (copy / "evaluations").glob("*-test-as_is")
    again, first = _logits(folder), _logits(finished / "report")
    assert again.keys() == first.keys()
    for key, logit in again.items():
        # Other batch sizes may sum in another order: a rounding of 6e-8 in each of some ten layers.
        assert logit == pytest.approx(first[key], rel=1e-4, abs=1e-4)


def test_a_whole_run_of_two_processes_found_through_open_mpi(finished, data_dir, tmp_path):
    """pmap over 2 × 2 devices; the run's files are written once, and say what one device says."""
    processes = [
        kill_and_resume.start(
            data_dir,
            tmp_path / "run",
            6,
            XLA_FLAGS="--xla_force_host_platform_device_count=2",
            OMPI_MCA_orte_hnp_uri=f"{os.getpid() * 4096}.0;tcp://127.0.0.1:1",
            OMPI_COMM_WORLD_SIZE="2",
            OMPI_COMM_WORLD_RANK=str(index),
            OMPI_COMM_WORLD_LOCAL_RANK=str(index),
        )
        for index in range(2)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "".join(outputs)
    assert "DemoReorder" in outputs[0]
    assert "DemoReorder" not in outputs[1]
    assert len(list((tmp_path / "run").glob("events.out.tfevents.*"))) == 1
    of_two, of_one = (logs.read_metrics(folder) for folder in (tmp_path / "run", finished))
    first = [
        next(r["loss"] for r in records if r["split"] == "train") for records in (of_two, of_one)
    ]
    assert first[0] == pytest.approx(
        first[1], rel=1e-4
    )  # Adam amplifies the rounding of later ones.
    assert _logits(tmp_path / "run/report").keys() == _logits(finished / "report").keys()


def _logits(report):
    with (report / "predictions.csv").open() as file:
        rows = csv.DictReader(file)
        return {(row["video_id"], row["clip_index"]): float(row["logit"]) for row in rows}
