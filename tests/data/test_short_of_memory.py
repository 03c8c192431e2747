"""Videos are cut with too little memory: one line, what to change, and nothing is lost."""

import concurrent.futures
import pickle

import pytest

from fdd.data import extraction
from fdd.data.builders import faceforensics_tree
from fdd.data.builders.faceforensics import Selection
from fdd.errors import OutOfMemory, UserError
from fdd.video import prefetch
from fdd.video.decode import VideoError
from fdd.video.preprocessing import Preprocessing

SPEC = Preprocessing(image_size=32)
WHAT_TO_CHANGE = "end other programs that use memory, or give the command fewer cores"


@pytest.fixture
def videos(tree):
    """Those of two people."""
    found = faceforensics_tree.survey(tree, Selection(methods=("DemoFlicker",))).videos
    targets = sorted({video.target for video in found})[:2]
    return [video for video in found if video.target in targets]


@pytest.fixture
def in_this_process(monkeypatch):
    """Threads of this process, one after the other, in place of processes."""
    monkeypatch.setattr(
        extraction.workers, "pool", lambda most: concurrent.futures.ThreadPoolExecutor(1)
    )


def test_a_build_ends_with_a_line_and_goes_on_later(videos, in_this_process, tmp_path, monkeypatch):
    whole, cut = extraction.extract_clips, []

    def short(path, *arguments, **settings):
        cut.append(path)
        if path == videos[-1].path and full:
            raise MemoryError("Unable to allocate 9 GiB")
        return whole(path, *arguments, **settings)

    monkeypatch.setattr(extraction, "extract_clips", short)
    workspace, full = extraction.Workspace(tmp_path, SPEC), True
    with pytest.raises(OutOfMemory) as raised:
        workspace.run(videos)
    text = str(raised.value)
    assert text.startswith(f"there is not enough memory to cut {videos[-1].path} into clips: ")
    assert WHAT_TO_CHANGE in text and "\n" not in text
    assert str(pickle.loads(pickle.dumps(raised.value))) == text, "it comes from another process"
    assert len(list(tmp_path.rglob("*.pickle"))) == 1

    full = False
    cut.clear()
    workspace.run(videos)
    assert {*cut} == {video.path for video in videos if video.target == videos[-1].target}
    assert all(result.extraction for result in workspace.results(videos))


def test_a_process_that_the_system_kills_is_a_line(videos, tmp_path, monkeypatch):
    class Killed(concurrent.futures.ThreadPoolExecutor):
        def submit(self, *_):
            job = concurrent.futures.Future()
            job.set_exception(concurrent.futures.process.BrokenProcessPool("terminated abruptly"))
            return job

    monkeypatch.setattr(extraction.workers, "pool", Killed)
    with pytest.raises(UserError, match=f"was killed, perhaps .* ran out: {WHAT_TO_CHANGE}"):
        extraction.Workspace(tmp_path, SPEC).run(videos)


def test_a_video_that_is_judged_is_without_an_answer(videos, monkeypatch):
    def short(*_):
        raise MemoryError

    monkeypatch.setattr(prefetch, "extract_clips", short)
    found = prefetch.extract(videos[0].path, SPEC)
    assert isinstance(found, VideoError)
    assert str(found) == (
        "there is not enough memory to cut it into clips: end other programs that use memory"
    )
