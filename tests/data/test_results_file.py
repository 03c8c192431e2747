"""Stored results of an interrupted build, in a folder where others may write."""

import dataclasses
import os
import pathlib
import pickle

import pytest

from fdd.data.catalog import Video
from fdd.data.extraction import Workspace
from fdd.errors import UserError
from fdd.video.preprocessing import Preprocessing


class _Command:
    """Pickled, it runs a command when it is read."""

    def __init__(self, command: str):
        self._command = command

    def __reduce__(self):
        return os.system, (self._command,)


@pytest.fixture
def workspace(tmp_path, tree):
    """A finished workspace of one drawn video."""
    path = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[0]
    texts = {field.name: "" for field in dataclasses.fields(Video)}
    videos = [Video(**{**texts, "path": str(path), "name": "a", "label": 0, "mask": None})]
    space = Workspace(tmp_path / "space", Preprocessing(image_size=32))
    space.run(videos, num_processes=1)
    return space, videos


def _file(tmp_path) -> pathlib.Path:
    (file,) = (path for path in (tmp_path / "space").rglob("*") if path.is_file())
    return file


def test_results_come_back(workspace, tmp_path):
    space, videos = workspace
    (result,) = space.results(videos)
    assert result.video == videos[0] and not result.error
    assert result.extraction.people[0][0].images().shape == (10, 32, 32, 3)


def test_doubts_become_remarks(workspace):
    (result,) = workspace[0].results(workspace[1])
    assert "may be one" not in result.outcome.notes
    doubtful = dataclasses.replace(result.extraction, doubts=("people 1 and 2 may be one",))
    notes = dataclasses.replace(result, extraction=doubtful).outcome.notes
    assert "people 1 and 2 may be one" in notes


@pytest.mark.parametrize("inside", [lambda trap: trap, lambda trap: [trap]])
def test_nothing_in_a_file_is_run(workspace, tmp_path, inside):
    space, videos = workspace
    trap = _Command(f"touch {tmp_path / 'run'}")
    _file(tmp_path).write_bytes(pickle.dumps(inside(trap)))
    with pytest.raises(UserError, match=r"\(it names posix\.system\): delete it, and its videos"):
        list(space.results(videos))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"text"]
)
def test_a_damaged_file_is_one_line(workspace, tmp_path, damage):
    space, videos = workspace
    _file(tmp_path).write_bytes(damage(_file(tmp_path).read_bytes()))
    with pytest.raises(UserError, match=r"\.pickle is damaged or not of this program") as caught:
        list(space.results(videos))
    assert len(str(caught.value).splitlines()) == 1
