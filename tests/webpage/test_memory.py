"""The web page with too little memory, of a device and of the process that reads videos."""

import contextlib
import io
import pathlib
import time

import jax
import numpy as np
import pytest
from web_client import result

from fdd.devices.in_parts import InParts
from fdd.errors import OutOfMemory
from fdd.inference.detector import Detector
from fdd.video import decode
from fdd.video.preprocessing import Preprocessing
from fdd.webpage.classifier import Classifier
from fdd.webpage.limits import Limits, RejectedError
from fdd.webpage.uploads import Upload
from fdd.webpage.worker import Worker

STEPS = ("look_step", "_saliency_step")


def full(state, batch):
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 160 bytes.")


@pytest.mark.parametrize("step", STEPS)
def test_a_visitor_gets_a_line_and_the_next_an_answer(
    finished: pathlib.Path, tree: pathlib.Path, monkeypatch: pytest.MonkeyPatch, step: str
):
    detector, limits = Detector.load(finished), Limits()
    path = sorted(tree.rglob("*.mp4"))[0]
    video = Upload(token="", name="a.mp4", path=path, file=io.BytesIO(), owner="")
    with contextlib.closing(Worker(detector.preprocessing, limits)) as worker:
        classify = Classifier(detector, worker, limits)
        with monkeypatch.context() as patch:
            patch.setitem(vars(detector), step, InParts(full, 1))
            with pytest.raises(RejectedError) as raised:
                classify(video, lambda *_: None)
        said = "The server has not enough memory for this video at present. Please try again later."
        assert str(raised.value) == said
        assert result(classify(video, lambda *_: None))["logit"] is not None


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_cannot_start_says_what_to_change(finished: pathlib.Path, step: str):
    detector = Detector.load(finished)
    vars(detector)[step] = InParts(full, 1)
    with pytest.raises(OutOfMemory, match=r"not enough memory .* a clip: end other programs"):
        Classifier(detector, None, Limits())


class _Large(Limits):
    """Takes more memory in the process that reads videos than that is given."""

    def check(self, header: decode.Header) -> None:
        np.ones(2**40, np.uint8)


def test_a_video_that_takes_too_much_memory_is_a_line(tree: pathlib.Path):
    video = sorted(tree.rglob("*.mp4"))[0]
    with contextlib.closing(Worker(Preprocessing(image_size=32), _Large())) as worker:
        error = worker.cut(video, time.monotonic() + 60)
    assert str(error) == (
        "it takes more memory than the server gives to a video: a smaller or shorter one may work"
    )
