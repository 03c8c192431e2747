"""One server for all tests of the page that do not end it."""

import pathlib
from collections.abc import Iterator

import numpy as np
import pytest
from web_client import LIMITS, Site

from fdd.video.encode import write_video


@pytest.fixture(scope="session")
def site(finished: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    running = Site(finished, tmp_path_factory.mktemp("web"), *LIMITS)
    try:
        yield running.wait()
    finally:
        running.end()


@pytest.fixture(scope="session")
def videos(tree: pathlib.Path) -> list[bytes]:
    """Some drawn videos, all different."""
    return [path.read_bytes() for path in sorted(tree.rglob("*.mp4"))[:5]]


@pytest.fixture
def unharmed(site: Site):
    """After each test the server still answers, holds no file, and has not failed."""
    yield
    assert "cannot be opened as a video" in site.answer(b"no video")
    assert site.files() == []
    assert "Traceback" not in site.log.read_text(), site.log.read_text()[-3000:]


@pytest.fixture(scope="session")
def slow_video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Seconds of work for the worker: frames of a megapixel."""
    path = tmp_path_factory.mktemp("slow") / "slow.mp4"
    write_video(path, np.zeros((240, 720, 1280, 3), np.uint8), 25, 51)
    return path.read_bytes()
