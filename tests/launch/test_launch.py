"""The launchers, as far as they can be checked without a cluster."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import kubernetes_validate
import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
LAUNCH = ROOT / "launch"


@pytest.mark.parametrize("script", ["launch/local.sh", "launch/slurm.sbatch", ".ci/run"])
def test_shellcheck(script):
    if shutil.which("shellcheck") is None:
        pytest.skip("needs shellcheck (pip install -e '.[test]')")
    subprocess.run(["shellcheck", ROOT / script], check=True)


def test_hadolint():
    if shutil.which("hadolint") is None:
        pytest.skip("needs hadolint (pip install -e '.[test]')")
    subprocess.run(["hadolint", LAUNCH / "Dockerfile"], check=True)


def test_kubernetes_objects_fit_the_published_schema():
    objects = list(yaml.safe_load_all((LAUNCH / "kubernetes.yaml").read_text()))
    assert [each["kind"] for each in objects] == ["Service", "Job"]
    for each in objects:
        kubernetes_validate.validate(each, "1.31", strict=True)
    job = objects[1]["spec"]
    container = job["template"]["spec"]["containers"][0]
    assert f"--num_processes={job['completions']}" in container["args"]
    assert job["completions"] == job["parallelism"]
    broken = {**objects[1], "spec": {**job, "completion": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.31", strict=True)


def test_every_flag_that_a_launcher_gives_exists():
    done = subprocess.run(
        [sys.executable, "-m", "fdd.main", "--helpfull"], cwd=ROOT, capture_output=True, text=True
    )
    text = "".join(path.read_text() for path in LAUNCH.iterdir() if path.is_file())
    given = set(re.findall(r"--(coordinator|num_processes|process_id|workdir|config)\b", text))
    assert given == {"coordinator", "num_processes", "process_id", "workdir", "config"}
    for flag in given:
        assert f"--{flag}" in done.stdout


@pytest.mark.parametrize(("status", "requeued"), [(75, True), (0, False), (1, False)])
def test_slurm_requeues_what_was_preempted(tmp_path, status, requeued):
    """The batch script with stand-ins for SLURM's commands."""
    for name, line in {
        "srun": f'echo "$@" > {tmp_path}/srun.log; exit {status}',
        "scontrol": f'echo "$@" > {tmp_path}/scontrol.log',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["bash", LAUNCH / "slurm.sbatch", "--config=configs/demo.py"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "17"},
    )
    assert (tmp_path / "srun.log").read_text().endswith("-m fdd.main --config=configs/demo.py\n")
    assert (tmp_path / "scontrol.log").exists() == requeued
    if requeued:
        assert (tmp_path / "scontrol.log").read_text() == "requeue 17\n"
    assert done.returncode == (0 if requeued else status)
