"""Eight devices, or two processes, compute what one device computes.

Sums over devices add in another order than sums on one, so results differ by float32 rounding, and
training amplifies that: Adam divides a gradient by its own size, so where a gradient is all
rounding error, a step is as long as elsewhere. How much this makes is measured, not guessed: a run
on one device is repeated with all initial parameters multiplied by 1 + 5e-7, four units in the last
place. The gradients of the first step, which Adam has not touched yet, are compared likewise:
there, rounding moves values across the kink of a ReLU or swaps the larger of two in max pooling.
"""

import csv
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fdd import logs, parallel
from fdd.errors import UserError
from tests import kill_and_resume, on_devices

SMALL = "model.encoder='resnet_tiny'"


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
    assert one.keys() >= {"losses", "logits"}
    names = [
        name for name in one if name.startswith(prefix) and not name.startswith(("bytes", "moment"))
    ]
    return max(np.abs(one[name] - other[name]).max() for name in names if name != "seconds")


def _gradient_difference(one, other):
    """The largest difference in a tensor's first gradients, relative to the largest of them."""
    names = [name for name in one if name.startswith("moment/")]
    assert len(names) > 100
    return max(np.abs(one[name] - other[name]).max() / np.abs(one[name]).max() for name in names)


@pytest.mark.parametrize("kind", ["jit", "pmap"])
def test_eight_devices_compute_what_one_does(run, kind):
    one, eight = run(1, "jit"), run(8, kind, "communication=True")
    assert len(one["losses"]) == 20
    assert one["losses"][-1] < one["losses"][0]
    np.testing.assert_allclose(eight["losses"][0], one["losses"][0], rtol=1e-6)
    nudged = run(1, "jit", "perturb=5e-7")
    limit = 5 * _gradient_difference(one, nudged)
    assert _gradient_difference(one, eight) < limit < 0.1  # Summing wrongly is off by more.
    for prefix in ("params", "batch_stats", "losses", "logits"):
        limit = 5 * _difference(one, nudged, prefix)
        assert _difference(one, eight, prefix) < limit < 0.2, prefix


def test_two_processes_of_four_devices_found_through_slurm(run, tmp_path):
    processes = [
        on_devices.start(
            4,
            "jit",
            tmp_path / "out.npz",
            SMALL,
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
    one, nudged = run(1, "jit", SMALL), run(1, "jit", SMALL, "perturb=5e-7")
    np.testing.assert_allclose(both["losses"][0], one["losses"][0], rtol=1e-6)
    np.testing.assert_allclose(both["losses"][:5], one["losses"][:5], rtol=1e-5)
    for prefix in ("params", "batch_stats", "losses"):
        limit = 10 * _difference(one, nudged, prefix)
        assert _difference(one, both, prefix) < limit < 0.02, prefix


def test_only_gradients_and_statistics_travel(run):
    for kind in ("jit", "pmap"):
        eight = run(8, kind, "communication=True")
        sent = {name: int(eight[name]) for name in eight if name.startswith("bytes/")}
        assert sent.keys() == {"bytes/all-reduce"}
        gradients = sum(4 * eight[name].size for name in eight if name.startswith("params"))
        assert gradients < sent["bytes/all-reduce"] < 1.1 * gradients


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
    one, again = run(1, "jit", SMALL), run(1, "jit", SMALL, "remat=True")
    np.testing.assert_allclose(again["losses"][0], one["losses"][0], rtol=1e-6)
    nudged = run(1, "jit", SMALL, "perturb=5e-7")
    for prefix in ("params", "batch_stats", "losses"):
        limit = 5 * _difference(one, nudged, prefix)
        assert _difference(one, again, prefix) < limit < 0.02, prefix


def test_accumulation_changes_nothing_where_statistics_are_frozen(run):
    whole = run(1, "jit", SMALL, "frozen_batch_stats=True")
    parts = run(1, "jit", SMALL, "frozen_batch_stats=True", "accumulate_steps=4")
    np.testing.assert_allclose(parts["losses"], whole["losses"], atol=1e-5)
    assert _difference(whole, parts, "params") < 1e-4
    trained = run(1, "jit", SMALL, "accumulate_steps=4")
    assert _difference(run(1, "jit", SMALL), trained, "losses") > 1e-3, (
        "it is documented that it differs"
    )


def test_bfloat16_is_near_and_leaves_float32(run):
    one, half = run(1, "jit", SMALL), run(1, "jit", SMALL, "precision='bfloat16'")
    assert 1e-5 < _difference(one, half, "losses") < 0.05
    assert {half[name].dtype for name in half if "[" in name} == {np.dtype(np.float32)}


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
        assert logit == pytest.approx(first[key], abs=1e-6)


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
    train = [[r["loss"] for r in records if r["split"] == "train"] for records in (of_two, of_one)]
    np.testing.assert_allclose(*train, rtol=1e-3)
    assert _logits(tmp_path / "run/report").keys() == _logits(finished / "report").keys()


def _logits(report):
    with (report / "predictions.csv").open() as file:
        rows = csv.DictReader(file)
        return {(row["video_id"], row["clip_index"]): float(row["logit"]) for row in rows}
