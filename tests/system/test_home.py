"""Accounts without a home folder, or with one that cannot be written."""

import os
import pathlib
import pwd
import shutil
import subprocess
import sys

import pytest

from fdd.errors import UserError
from fdd.system import home

ROOT = pathlib.Path(__file__).parents[2]
STRANGER_ID = 54321
STRANGER = [  # An account that may read everything, has no name, and owns nothing.
    *("setpriv", f"--reuid={STRANGER_ID}", f"--regid={STRANGER_ID}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
]


def can_be_a_stranger():
    """Whether a command can be run by such an account."""
    probe = [*STRANGER, sys.executable, "-c", ""]
    return shutil.which("setpriv") and not subprocess.run(probe, capture_output=True).returncode


def _run_as_stranger(*arguments, **environment):
    if not can_be_a_stranger():
        pytest.skip("needs the right to take another user's place")
    plain = {key: value for key, value in os.environ.items() if not key.startswith("JAX_")}
    plain.pop("HOME", None)
    return subprocess.run(
        [*STRANGER, sys.executable, "-m", *map(str, arguments)],
        env={**plain, "PYTHONPATH": str(ROOT), **environment},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_tilde_without_a_home(monkeypatch):
    def unknown(_):
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(UserError, match=r"~/data is in the home folder, but this account has"):
        home.expanded("~/data")
    assert home.cache_folder("fdd") is None


@pytest.mark.parametrize("environment", [{}, {"HOME": "/root"}])
def test_a_run_that_cannot_be_written_nor_a_home(finished, environment):
    """What is possible without them is evaluated; for the rest there is one line each."""
    done = _run_as_stranger("fdd.evaluate", f"--workdir={finished}", **environment)
    cache, folder = done.stderr.splitlines()
    assert cache.startswith("fdd: ~/.cache/fdd cannot be written, so compiled programs are not")
    assert folder.startswith("fdd: ") and folder.endswith("say --out=DIR")
    assert done.returncode == 1


def test_a_working_folder_that_cannot_be_written(finished):
    done = _run_as_stranger("fdd.compare", finished)
    assert "accuracy" in done.stdout
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("fdd: --figure=runs/compare.png cannot be written (Permission")
