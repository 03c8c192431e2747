"""Checkpoints whose folder is taken away, or made read-only, while a run saves to it."""

import contextlib
import shutil
import subprocess

import jax.numpy as jnp
import pytest

from fdd.errors import UserError
from fdd.runs import checksums
from fdd.runs.checkpoints import Checkpoints

STATE = {"weight": jnp.zeros(3)}


def _failure(checkpoints, step):
    with pytest.raises(UserError) as raised:
        checkpoints.save(step, STATE, {})
        checkpoints.wait()
    return str(raised.value)


def test_a_folder_that_is_deleted(tmp_path, monkeypatch):
    """The line must not claim that earlier checkpoints are still there."""
    folder, write = tmp_path / "checkpoints", checksums.write

    def delete_and_write(*arguments):
        shutil.rmtree(folder)
        write(*arguments)

    checkpoints = Checkpoints(folder)
    checkpoints.save(1, STATE, {})
    checkpoints.wait()
    monkeypatch.setattr(checksums, "write", delete_and_write)
    line = _failure(checkpoints, 2)
    assert line.startswith(f"a checkpoint could not be written to {folder} (")
    assert line.endswith("); there is no earlier one")


def test_a_disk_that_becomes_read_only(small_disk):
    with contextlib.closing(Checkpoints(small_disk / "checkpoints")) as checkpoints:
        checkpoints.save(1, STATE, {})
        checkpoints.wait()
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        line = _failure(checkpoints, 2)
        assert line.endswith("(Read-only file system); earlier checkpoints are unchanged")
        assert checkpoints.meta(1) == {}
