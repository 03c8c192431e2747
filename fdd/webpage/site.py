"""The whole page as an ASGI application."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

from fdd.inference.detector import Detector
from fdd.webpage import examples, server
from fdd.webpage.classifier import Classifier
from fdd.webpage.hosts import Hosts
from fdd.webpage.limits import Limits
from fdd.webpage.uploads import Uploads
from fdd.webpage.worker import Worker

_OF_DRAWN_HEADS = (
    " It was trained on drawn heads, to show that the system works: about real videos it can say "
    "nothing."
)
_UNKNOWN = (
    " What videos it knows was not measured: videos unlike those that it was trained on get an "
    "answer too."
)


@contextlib.contextmanager
def running(
    detector: Detector, limits: Limits, folder: pathlib.Path, hosts: Hosts
) -> Iterator[Callable[..., Any]]:
    """A context in which the page can be served.

    Args:
        detector: Classifies the videos.
        limits: The limits of uploads.
        folder: A folder for this page alone; everything is written there.
        hosts: The names that the page is served under.

    Yields:
        An ASGI application.

    Raises:
        UserError: this version of fdd cannot cut videos as the detector needs them.
    """
    (folder / "uploads").mkdir()
    server.configure_gradio(folder / "gradio")
    from fdd.webpage import page  # Gradio must be configured before.

    with contextlib.closing(Worker(detector.preprocessing, limits)) as worker:
        classifier = Classifier(detector, worker, limits)
        uploads = Uploads(folder / "uploads", limits)
        demo = detector.config.data.demo
        videos = examples.draw(demo, folder / "examples") if demo else {}
        blocks = page.create_page(classifier, uploads, limits, _about(detector), list(videos))
        looks = {"theme": page.theme(), "css": page.style()}
        yield server.create_app(blocks, uploads, limits, list(videos.values()), hosts, **looks)


def _about(detector: Detector) -> str:
    weights = detector.basis.weights
    text = f"Detector: {detector.name}, {weights[:1].lower()}{weights[1:]}."
    if detector.familiarity is None:
        text += _UNKNOWN
    return text + (_OF_DRAWN_HEADS if detector.config.data.demo else "")
