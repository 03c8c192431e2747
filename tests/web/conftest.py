"""One server for all tests of the page that do not end it."""

import pathlib
from collections.abc import Iterator

import pytest
from web_client import LIMITS, Site


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
