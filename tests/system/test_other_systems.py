"""Functions of Linux or Unix only are removed; macOS and Windows themselves were not available."""

import os
import pathlib
import re
import subprocess
import sys
import types

import pytest

from fdd.devices import memory, parallel
from fdd.runs import plain_path
from fdd.system import locks, process_memory
from fdd.training import fit, fit_evaluation

ROOT = pathlib.Path(__file__).parents[2]
# Python reads it at the start of every process, so spawned ones lack the same. What NumPy, TFDS
# and Python itself need on Linux has to stay.
WITHOUT = """
import ctypes, os, pathlib, signal, sys
sys.modules.update(dict.fromkeys(("fcntl", "resource", "pwd", "grp")))
for module, names in (
    (os, "sched_getaffinity getuid geteuid fork mkfifo killpg setsid O_DIRECTORY O_NOFOLLOW"),
    (signal, "pthread_sigmask SIGHUP SIGKILL SIGUSR1 SIGPIPE SIGCHLD SIGALRM sigwait setitimer"),
):
    for name in names.split():
        delattr(module, name)

def without_proc(method):
    def changed(path, *arguments, **settings):
        there = not str(path).startswith("/proc")
        return method(path if there else "/proc is not there" / path.relative_to("/"), *arguments,
                      **settings)
    return changed

for name in "exists is_dir iterdir open read_bytes read_text stat".split():
    setattr(pathlib.Path, name, without_proc(getattr(pathlib.Path, name)))

def without_mallopt(library, name, find=ctypes.CDLL.__getattr__):
    if name == "mallopt":
        raise AttributeError(name)
    return find(library, name)

ctypes.CDLL.__getattr__ = without_mallopt
"""
WORK = """
import importlib, os, pathlib, pkgutil, sys
import fdd
from fdd import train
from fdd.data import unfinished
from fdd.devices import memory, runtime
from fdd.system import workers
from fdd.webpage import folder
from tests.conftest import tiny_config

def main(data, video):
    assert not pathlib.Path("/proc/meminfo").exists()
    runtime.prepare()
    runtime.keep_memory()
    all_memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory.free_of_host() == all_memory, "which macOS knows"
    config = tiny_config(pathlib.Path(data))
    config.model.encoder = "tests.own_parts:NormalisedStripes"
    config.num_steps = 2
    train.train_and_evaluate(config, pathlib.Path("run"))
    assert fdd.Detector.load("run").predict(video).probability is not None
    assert "tensorflow" not in sys.modules, "TensorFlow was imported"
    for module in pkgutil.walk_packages([pathlib.Path(fdd.__file__).parent], "fdd."):
        if module.name != "fdd.bench":  # Its flags are called as those of fdd.main.
            importlib.import_module(module.name)
    with workers.pool(1) as pool:
        with workers.shielded():
            job = pool.submit(os.getpid)
        assert job.result() != os.getpid()
    with unfinished.claim("."), folder.temporary() as place:
        assert place.is_dir()
    assert not place.exists()

if __name__ == "__main__":
    main(*sys.argv[1:])
"""
LINUX_ALONE = re.compile(
    r"import (?:fcntl|resource|pwd|grp|termios|msvcrt)\b|sched_getaffinity|getuid|pthread_sigmask"
    r"|os\.fork|os\.mkfifo|SIGKILL|SIGHUP|mallopt|/proc/|O_DIRECTORY|killpg|setsid"
)


@pytest.mark.thorough
def test_training_and_prediction_without_tensorflow_and_functions_of_unix(data_dir, pair, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(WITHOUT)
    (tmp_path / "work.py").write_text(WORK)
    path = f"{tmp_path / 'site'}{os.pathsep}{ROOT}"
    done = subprocess.run(
        [sys.executable, "work.py", data_dir, pair[0]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "run cannot be locked here: start no second run in it" in done.stdout


def test_few_files_use_functions_of_one_operating_system():
    """These files are tested without them."""
    found = {
        file.relative_to(ROOT / "fdd").as_posix()
        for file in (ROOT / "fdd").rglob("*.py")
        if LINUX_ALONE.search(file.read_text("utf-8"))
    }
    outside = {file for file in found if not file.startswith("system/")}
    assert outside == {"devices/runtime.py", "runs/plain_path.py", "webpage/folder.py"}


@pytest.fixture
def no_fcntl(monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)


def test_locks_of_windows(tmp_path, monkeypatch, no_fcntl):
    """A stand-in that behaves as Python's documentation of msvcrt.locking says."""
    held = set()

    def locking(file, mode, count):
        place = (os.fstat(file).st_ino, os.lseek(file, 0, os.SEEK_CUR))
        assert (mode, count) == ("LK_NBLCK", 1)
        if place in held:
            raise PermissionError(13, "Permission denied")
        held.add(place)

    stand_in = types.SimpleNamespace(locking=locking, LK_NBLCK="LK_NBLCK")
    monkeypatch.setitem(sys.modules, "msvcrt", stand_in)
    with (tmp_path / "lock").open("a+") as first, (tmp_path / "lock").open("a+") as second:
        assert locks.take(first.fileno())
        first.write("process 7")
        first.flush()
        assert not locks.take(second.fileno())
        second.seek(0)
        assert second.read() == "process 7"
        ((_, place),) = held
        assert place > os.fstat(second.fileno()).st_size, "what is locked could not be read"


def test_no_locks_at_all(tmp_path, no_fcntl):
    with (tmp_path / "lock").open("w") as file, pytest.raises(locks.NoLocksError):
        locks.take(file.fileno())


def test_memory_is_reported_and_limited_only_if_possible(monkeypatch):
    known = process_memory.peak_gib()
    assert 0.01 < known < 100
    monkeypatch.setattr(sys, "platform", "darwin")
    assert process_memory.peak_gib() == pytest.approx(known / 1024, rel=0.1), "it counts bytes"
    monkeypatch.setitem(sys.modules, "resource", None)
    assert process_memory.peak_gib() is None
    assert not process_memory.confine(2**40)


def test_free_memory_is_unknown_where_no_system_tells(monkeypatch, tmp_path, config):
    monkeypatch.setattr(memory, "_PROC", tmp_path)
    monkeypatch.delattr(os, "sysconf")
    assert memory.free_of_host() is None and memory.free() is None
    devices = parallel.Parallel("jit")
    assert fit.fitted(config, devices) is config
    assert fit_evaluation.clips_at_once(config, devices) == config.batch_size


def test_backslashes_are_slashes_on_windows():
    assert plain_path.is_plain(pathlib.PureWindowsPath(r"C:\Users\Zoë\runs"))
    assert not plain_path.is_plain(pathlib.PureWindowsPath(r"C:\runs[1]"))
    assert not plain_path.is_plain(pathlib.PurePosixPath("/a\\b"))
