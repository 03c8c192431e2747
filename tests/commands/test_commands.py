"""How commands end when something outside stops them."""

import itertools
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def _run(body, shell="", **options):
    code = f"import sys, os, time\nfrom fdd import cli\nwith cli.one_line('DIR'):\n {body}"
    command = ["bash", "-c", f'"$@" {shell}', "bash", sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def _wait_for(file, process):
    deadline = time.monotonic() + 60
    while not file.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_closed_pipe_is_one_line():
    body = "[print(i) for i in range(10**6)]"
    done = _run(body, "| head -1; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout) == (1, "0\n")
    assert done.stderr == "fdd: standard output was closed before all was written\n"


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path):
    """What libraries print to a closed standard error must not land in the next file opened."""
    file = tmp_path / "file"
    body = (
        f"f = open({str(file)!r}, 'w'); print('out'); print('err', file=sys.stderr); "
        "os.write(2, b'noise'); f.write('content'); f.close()"
    )
    done = _run(body, ">&- 2>&-")
    assert done.returncode == 0
    assert file.read_text() == "content"


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_in_a_finaliser_stops_too(number, status):
    """Python drops an exception that is raised there."""
    body = (
        f"stop = lambda self: os.kill(os.getpid(), {number:d}) or time.sleep(0.01); "
        "type('Last', (), {'__del__': stop})(); time.sleep(30)"
    )
    done = _run(body)
    assert (done.returncode, done.stderr.count("\n")) == (status, 1)


def test_ascii_streams_accept_any_name():
    done = _run("print('ü \\udcff')", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "\\xfc \\udcff\n")


def test_disk_and_memory_errors_are_one_line():
    full = _run("print('x' * 10**6)", "> /dev/full")
    assert (full.returncode, full.stderr.count("\n")) == (1, 1)
    assert full.stderr == "fdd: DIR cannot be written: No space left on device\n"
    body = "with cli.writing_to('RUN'): open('/dev/full', 'w', 1).write('x\\n')"
    assert _run(body).stderr == "fdd: RUN cannot be written: No space left on device\n"
    memory = _run("raise MemoryError")
    assert (memory.returncode, memory.stderr) == (
        1,
        "fdd: there is not enough memory: end other programs that use memory\n",
    )


def test_a_folder_that_is_deleted_while_it_is_written_to(tmp_path):
    folder = tmp_path / "run"
    body = f"with cli.writing_to({str(folder)!r}): open({str(folder / 'a/b')!r}, 'w')"
    done = _run(body)
    line = f"fdd: {folder}/a/b cannot be written: its folder was deleted or moved while"
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(line)
    other = _run(body.replace("'w'", "'r'").replace("/a/b", "/../no"))
    assert other.stderr.startswith("Traceback"), "a file that should be there is another error"


def test_a_name_that_the_locale_cannot_encode_is_one_line(dataset, tmp_path):
    """Libraries take names as UTF-8: they would look for another file, or fail without a reason."""
    folder = tmp_path / "dätä"
    folder.symlink_to(dataset.folder)
    body = f"from fdd.data.records import Dataset; Dataset(os.fsdecode({os.fsencode(folder)!r}))"
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = _run(body, **locale)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no UTF-8 here: set PYTHONUTF8=1" in done.stderr


def test_sigterm_is_one_line_and_cleans_up():
    """As in `fdd.evaluate`, whose unfinished report must not stay."""
    body = (
        "try:\n  import signal; signal.raise_signal(signal.SIGTERM)\n finally:\n  print('cleaned')"
    )
    done = _run(body)
    assert (done.returncode, done.stdout) == (143, "cleaned\n")
    assert done.stderr == "fdd: stopped by SIGTERM\n"


def test_signals_before_training_starts(tmp_path):
    """While everything is still imported; Ctrl-C is pressed twice."""
    for number, times, status, line in (
        (signal.SIGTERM, 1, 75, "fdd: stopped by SIGTERM; the same command goes on from there\n"),
        (signal.SIGINT, 2, 130, "fdd: interrupted; the same command goes on from here\n"),
    ):
        ready = tmp_path / f"ready{number}"
        config = tmp_path / "slow.py"
        config.write_text(
            f"import pathlib, time\npathlib.Path({str(ready)!r}).touch()\ntime.sleep(60)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "fdd.main", f"--config={config}", f"--workdir={tmp_path}/run"],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        _wait_for(ready, process)
        for _ in range(times):
            process.send_signal(number)
        _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (status, line)


# Where each command is stopped: in the first call of this function, which every run of it makes.
PLACES = {
    "predict": ("fdd.runs.workdir.stored_config", "--workdir=RUN", __file__),
    "evaluate": ("fdd.runs.workdir.stored_config", "--workdir=RUN"),
    "export": ("fdd.runs.workdir.stored_config", "--workdir=RUN", "--out=FILE"),
    "audit": ("fdd.data.records.Dataset", "FOLDER"),
    "compare": ("fdd.runs.workdir.read_json", "RUN"),
    "bench": ("fdd.cli.parse_flags", "forward", f"--config={ROOT}/configs/demo.py"),
    "web": ("socket.create_server", "--workdir=RUN"),
}
STOPPED_IN = """
import pathlib, runpy, sys, time
from unittest import mock
module, place, ready = sys.argv[1:4]
del sys.argv[1:4]
def stay(*_, **__):
    pathlib.Path(ready).touch()
    try:
        time.sleep(60)
    finally:
        time.sleep(0.5)  # A second signal must not end the tidying up.
        print("tidied up")
with mock.patch(place, stay):
    runpy.run_module(module, run_name="__main__")
"""


@pytest.mark.thorough
def test_every_command_that_is_stopped_says_so_in_one_line(tmp_path):
    """Every second one by SIGTERM, the others by Ctrl-C."""
    ends = (
        (signal.SIGTERM, 143, "fdd: stopped by SIGTERM\n"),
        (signal.SIGINT, 130, "fdd: interrupted\n"),
    )
    expected = dict(zip(PLACES, itertools.cycle(ends)))
    processes = {}
    for name, (place, *arguments) in PLACES.items():
        processes[name] = subprocess.Popen(
            [sys.executable, "-c", STOPPED_IN, f"fdd.{name}", place, tmp_path / name, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    ended = {}
    for name, process in processes.items():
        _wait_for(tmp_path / name, process)
        for _ in range(2):
            process.send_signal(expected[name][0])
            time.sleep(0.1)
    for name, process in processes.items():
        out, error = process.communicate(timeout=60)
        ended[name] = (process.returncode, out, error)
    assert ended == {
        name: (status, "tidied up\n", line) for name, (_, status, line) in expected.items()
    }


@pytest.mark.parametrize("name", sorted(PLACES))
def test_help_is_no_error(name):
    command = [sys.executable, "-m", f"fdd.{name}", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--" in done.stdout


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_a_command_is_imported_ends_in_one_line(tmp_path, number, status):
    """The first module that the command's own one imports sends it."""
    (tmp_path / "absl").mkdir()
    (tmp_path / "absl/__init__.py").write_text(f"import os; os.kill(os.getpid(), {int(number)})")
    done = subprocess.run(
        [sys.executable, "-m", "fdd.main", "--config=configs/demo.py"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1)


def test_a_signal_inside_an_extension_waits_until_it_is_imported():
    """Python would turn what is raised there into an ImportError."""
    body = """
 import importlib.machinery, signal
 class Loader(importlib.machinery.ExtensionFileLoader):
  def exec_module(self):
   os.kill(os.getpid(), signal.SIGTERM)
   time.sleep(0.1)
   print("imported", flush=True)
 Loader("x", "x").exec_module()
 time.sleep(20)
"""
    done = _run(body)
    assert (done.returncode, done.stdout) == (143, "imported\n")
