"""The page's server and its worker: how they start, fail and end."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import pathlib
import signal
import tempfile
import time

import pytest
from web_client import LIMITS, Site, result, wait_for

from fdd.video import decode
from fdd.video.decode import VideoError
from fdd.video.extraction import Extraction
from fdd.video.preprocessing import Preprocessing
from fdd.webpage import folder
from fdd.webpage.limits import Limits, RejectedError
from fdd.webpage.worker import Worker


def kill_worker(site: Site) -> int:
    old = site.worker()
    os.kill(old, signal.SIGKILL)
    return old


def busy(site: Site) -> bool:
    """Whether the worker is computing."""
    return pathlib.Path(f"/proc/{site.worker()}/stat").read_text().rpartition(") ")[2][0] == "R"


def test_a_worker_that_dies_between_two_visitors_harms_neither(site: Site, videos: list[bytes]):
    before = result(site.answer(videos[0]))
    for _ in range(2):
        kill_worker(site)
        assert result(site.answer(videos[0]))["logit"] == before["logit"]
    old = kill_worker(site)
    site.answer(videos[0])
    assert site.worker() != old
    assert "Traceback" not in site.log.read_text()


def test_a_worker_that_dies_while_it_starts_is_replaced(tree: pathlib.Path):
    video = sorted(tree.rglob("*.mp4"))[0]
    with contextlib.closing(Worker(Preprocessing(image_size=32), Limits())) as worker:
        (process,) = [p for p in multiprocessing.active_children() if p.name == "fdd-video"]
        process.kill()  # It has not even loaded its libraries.
        assert isinstance(worker.cut(video, time.monotonic() + 60), Extraction)
    with pytest.raises(RejectedError, match="being stopped"):
        worker.cut(video, time.monotonic() + 60)


def test_a_worker_that_dies_over_a_video_costs_only_that_visitor(
    site: Site, videos: list[bytes], slow_video: bytes
):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        unlucky = pool.submit(site.answer, slow_video, "slow.mp4")
        wait_for(lambda: site.files() != [])
        wait_for(lambda: busy(site))
        waiting = pool.submit(site.answer, videos[1], "next.mp4")
        kill_worker(site)
        assert "makes the decoder fail" in unlucky.result(60)
        assert result(waiting.result(60))["verdict"] in ("real", "fake")
    assert site.files() == []
    assert "Traceback" not in site.log.read_text()


class _Trap(VideoError):
    """An object whose pickle runs a command when it is read."""

    def __reduce__(self):
        return os.system, (f"touch {os.environ['FDD_TRAP']}",)


class _TakenOver(Limits):
    """Sends something else from the worker's process, like a file that has taken control of it."""

    def check(self, header: decode.Header) -> None:
        raise _Trap


def test_nothing_that_a_worker_sends_is_run(
    tree: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FDD_TRAP", str(tmp_path / "run"))
    video = sorted(tree.rglob("*.mp4"))[0]
    with contextlib.closing(Worker(Preprocessing(image_size=32), _TakenOver())) as worker:
        error = worker.cut(video, time.monotonic() + 60)
    assert str(error) == "it makes the decoder fail"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("signals", "status"),
    [
        pytest.param([signal.SIGTERM], 143, id="terminated", marks=pytest.mark.thorough),
        pytest.param([signal.SIGINT, signal.SIGINT, signal.SIGTERM], 130, id="interrupted twice"),
    ],
)
def test_a_server_that_is_ended_while_it_classifies_leaves_nothing(
    finished: pathlib.Path, tmp_path: pathlib.Path, slow_video: bytes, signals, status
):
    site = Site(finished, tmp_path / "web", *LIMITS).wait()
    visitor = site.new_visitor()
    _, waiting = site.upload(b"waits", "a.mp4")
    _, token = visitor.upload(slow_video, "slow.mp4")
    with visitor.here():
        assert visitor.join(token)[0] == 200
        wait_for(lambda: busy(site))
        worker = site.worker()
        for number in signals:
            os.killpg(site.process.pid, number)  # As a terminal does.
            time.sleep(0.1)
    assert waiting and site.process.wait(30) == status
    assert list(site.folder.iterdir()) == []
    wait_for(lambda: not pathlib.Path(f"/proc/{worker}").exists())
    assert "Traceback" not in site.log.read_text(), site.log.read_text()


def test_files_of_a_killed_server_are_deleted_at_the_next_start(
    finished: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    killed = Site(finished, tmp_path / "web", *LIMITS).wait()
    worker = killed.worker()
    killed.upload(b"private", "a.mp4")
    monkeypatch.setattr(tempfile, "tempdir", str(killed.folder))
    (killed.folder / "fdd_web_of_somebody").mkdir()  # Without a lock: not ours to delete.
    with folder.temporary() as first:
        assert len(killed.files()) == 1  # That of a server that runs.
        assert killed.end(signal.SIGKILL) == -signal.SIGKILL
        wait_for(lambda: not pathlib.Path(f"/proc/{worker}").exists())
        assert len(killed.files()) == 1
        with folder.temporary() as second:
            assert killed.files() == [] and first.is_dir() and second.is_dir()
    assert [path.name for path in killed.folder.iterdir()] == ["fdd_web_of_somebody"]


def test_a_server_that_is_ended_while_it_starts_leaves_nothing(
    finished: pathlib.Path, tmp_path: pathlib.Path
):
    site = Site(finished, tmp_path / "web", *LIMITS)
    wait_for(lambda: list(site.folder.iterdir()) != [], 60)
    assert site.end(signal.SIGINT) == 130
    assert list(site.folder.iterdir()) == []
    assert "Traceback" not in site.log.read_text()
