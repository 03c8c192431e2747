"""kill -9 in the middle of a build."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

from fdd.data import unfinished

ROOT = pathlib.Path(__file__).parents[2]
BUILD = """
import sys
if __name__ == "__main__":
    from tests.data.test_builder import _build
    _build(sys.argv[1], sys.argv[2])
"""


def _start(script, data_dir, tree):
    return subprocess.Popen(
        [sys.executable, script, data_dir, tree],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_killed_build_goes_on_and_ends_as_an_undisturbed_one(tree, dataset, tmp_path):
    script, data = tmp_path / "build.py", tmp_path / "data"
    script.write_text(BUILD)
    process = _start(script, data, tree)
    deadline = time.monotonic() + 60
    while not (finished := list(data.rglob("*.pickle"))):
        assert process.poll() is None, "the build ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not list(data.rglob("dataset_info.json")), "a killed build looks finished"
    before = {path: path.stat().st_mtime_ns for path in finished}
    assert len(before) < 12

    process = _start(script, data, tree)
    survivors = before
    while process.poll() is None:
        for path in list(survivors):
            with contextlib.suppress(FileNotFoundError):  # When it is done, it tidies up.
                assert path.stat().st_mtime_ns == survivors[path], "a finished video was cut again"
    assert process.returncode == 0
    folder = next(data.rglob("dataset_info.json")).parent
    for path in dataset.folder.iterdir():
        if "array_record" in path.name or path.suffix == ".csv":
            assert (folder / path.name).read_bytes() == path.read_bytes(), path.name
    assert not list((data / "downloads/fdd_clips").iterdir())


def test_what_killed_builds_left_is_deleted_and_what_others_write_is_not(tmp_path):
    names = ("incomplete.AAAAAA_1.0.0", "incomplete.BBBBBB_1.0.0", "incomplete.CCCCCC_2.0.0")
    killed, other, alien = folders = [tmp_path / name for name in names]
    mine = tmp_path / "incomplete.DDDDDD_1.0.0"
    other.mkdir()
    with unfinished.claim(other):  # Another build, which goes on.
        for folder in (*folders, mine):
            folder.mkdir(exist_ok=True)
            (folder / "records").touch()
        with unfinished.claim(mine):
            assert not killed.exists()
            assert all((folder / "records").exists() for folder in (other, alien, mine))
