"""A run that is stopped in one phase after another says so, and ends as if undisturbed."""

import dataclasses
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from fdd import train
from tests import kill_and_resume
from tests.conftest import tiny_config
from tests.system import test_home

ROOT = pathlib.Path(__file__).parents[2]
# The config's file is Python: it disturbs the run that it describes, in the first call of a
# function. (Not by `exec`: Ctrl-C that comes in there ends Python even where it is caught.)
CONFIG = """
import os, pathlib, signal
from fdd import report
from fdd.runs import checkpoints
from fdd.training import loop
from tests.training.test_stopped_anywhere import quick

undisturbed = {place}
FOLDER = {folder!r}

def disturbed(*args, **settings):
    {place} = undisturbed
    {before}
    found = undisturbed(*args, **settings)
    {after}
    return found

def get_config():
    {place} = disturbed
    return quick(pathlib.Path({data_dir!r}))
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
SEND = "[os.kill(os.getpid(), signal.{}) for _ in range({})]"
GOES_ON = "the same command goes on from"


def quick(data_dir: pathlib.Path):
    """A config of which a run takes a second."""
    config = tiny_config(data_dir)
    config.model.encoder = kill_and_resume.QUICK
    return config


@dataclasses.dataclass(frozen=True)
class Disturbance:
    """What happens before or after the first call of a function, and how the command ends."""

    place: str
    status: int
    line: str = ""
    before: str = "pass"
    after: str = "pass"
    stranger: bool = False


DISTURBANCES = {
    "killed before the first step": Disturbance("loop.SpeedMeter", -9, before=KILL),
    "SIGTERM in validation": Disturbance(
        *("loop.score", 75, f"fdd: stopped after step 2, which is saved; {GOES_ON} there"),
        before=SEND.format("SIGTERM", 1),
    ),
    "Ctrl-C twice in validation": Disturbance(
        *("loop.score", 130, f"fdd: interrupted; {GOES_ON} here"),
        before=SEND.format("SIGINT", 2),
    ),
    "killed while a checkpoint is saved": Disturbance(
        "checkpoints.Checkpoints.save", -9, after=KILL
    ),
    "made read-only in validation": Disturbance(
        *("loop.score", 1, "(Permission denied); earlier checkpoints are unchanged"),
        before="[os.chmod(each, 0o555) for each, *_ in os.walk(FOLDER)]",
        stranger=True,
    ),
    "killed while the report is written": Disturbance(
        "report.html.self_contained", -9, before=KILL
    ),
    "SIGTERM twice in the report": Disturbance(
        *("report.html.self_contained", 75, f"fdd: stopped by SIGTERM; {GOES_ON} there"),
        before=SEND.format("SIGTERM", 2),
    ),
}


def test_stopped_again_and_again(data_dir, tmp_path):
    tmp_path.chmod(0o755)
    alone, folder = tmp_path / "alone/run", tmp_path / "disturbed/run"
    folder.mkdir(parents=True)
    train.train_and_evaluate(quick(data_dir), alone)
    for name, each in DISTURBANCES.items():
        start = ()
        if each.stranger and os.geteuid() == 0:  # Who may write everywhere.
            if not test_home.can_be_a_stranger():
                continue
            start = test_home.STRANGER
            _give_away(folder, test_home.STRANGER_ID)
        config = tmp_path / "disturbing.py"
        settings = {key: value for key, value in vars(each).items() if key in CONFIG}
        config.write_text(CONFIG.format(data_dir=str(data_dir), folder=str(folder), **settings))
        done = _main(config, folder, start=start)
        assert done.returncode == each.status, (name, done.stderr)
        lines = _lines(done.stderr)
        assert len(lines) == bool(each.line), (name, done.stderr)
        assert all(line.startswith("fdd: ") and line.endswith(each.line) for line in lines), lines
    _ends_in_a_poor_environment(folder, data_dir, tmp_path)
    for name in kill_and_resume.FILES:
        assert (folder / name).read_bytes() == (alone / name).read_bytes(), name


def _ends_in_a_poor_environment(folder, data_dir, tmp_path):
    """No terminal, locale, TMPDIR or asserts, another working folder; then nobody reads it."""
    config = tmp_path / "plain.py"
    config.write_text(
        "import pathlib\nfrom tests.training.test_stopped_anywhere import quick\n"
        f"def get_config():\n    return quick(pathlib.Path({str(data_dir)!r}))\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "LANG": "C",
        "TMPDIR": str(tmp_path / "missing"),
        "JAX_COMPILATION_CACHE_DIR": os.environ["JAX_COMPILATION_CACHE_DIR"],
    }
    poor = {"flags": ["-O"], "env": environment, "cwd": tmp_path}
    done = _main(config, folder.relative_to(tmp_path), **poor)
    assert (done.returncode, _lines(done.stderr)) == (0, []), done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = _main(config, folder.relative_to(tmp_path), stdout=writer, **poor)
    os.close(writer)
    assert done.returncode == 1
    assert _lines(done.stderr) == ["fdd: standard output was closed before all was written"]


def _main(config, workdir, *, start: Sequence[str] = (), flags=(), stdout=-1, **settings):
    command = [*start, sys.executable, *flags, "-m", "fdd.main", f"--config={config}"]
    settings.setdefault("env", os.environ | {"PYTHONPATH": str(ROOT)})
    return subprocess.run(
        [*command, f"--workdir={workdir}"],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        **settings,
    )


def _give_away(folder, owner):
    for parent, _, files in os.walk(folder):
        for path in (parent, *(os.path.join(parent, file) for file in files)):
            os.chown(path, owner, owner)


def _lines(error):
    """What is printed beside the progress bar."""
    lines = [line.rpartition("\r")[2] for line in error.splitlines()]
    return [line for line in lines if line.strip() and "Training:" not in line]
