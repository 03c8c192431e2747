"""The web page: through its own requests, and in a real browser."""

import base64
import concurrent.futures
import contextlib
import http.client
import json
import multiprocessing
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator

import av
import numpy as np
import pytest

from fdd.errors import UserError
from fdd.video.encode import write_video
from fdd.video.extraction import Extraction
from fdd.video.preprocessing import Preprocessing
from fdd.webpage.limits import Limits, RejectedError
from fdd.webpage.uploads import Uploads, shown_name
from fdd.webpage.worker import Worker

LIMITS = ("--max_megabytes=1", "--max_seconds=10", "--max_pixels=1000000", "--queue=24")
SIMULTANEOUS = 20


class Site:
    """A running server, and what a visitor's browser does with it."""

    def __init__(self, process: subprocess.Popen, address: str, folder: pathlib.Path):
        self.process, self.address, self.folder = process, address, folder
        self.host = urllib.parse.urlsplit(address).netloc

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        with contextlib.closing(connection):
            headers = {"content-type": "application/json"} if method == "POST" else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def upload(self, content: bytes, name: str) -> tuple[int, str]:
        return self.request("PUT", f"/upload?name={urllib.parse.quote(name, safe='')}", content)

    def judge(self, token: str) -> str:
        """The answer's HTML."""
        body = json.dumps({"data": [token]}).encode()
        status, text = self.request("POST", "/gradio_api/call/judge", body)
        assert status == 200, text
        event = json.loads(text)["event_id"]
        _, stream = self.request("GET", f"/gradio_api/call/judge/{event}")
        assert "event: complete" in stream, stream
        return json.loads(stream.rsplit("data: ", 1)[1])[0]

    def answer(self, content: bytes, name: str = "video.mp4") -> str:
        status, token = self.upload(content, name)
        assert status == 200, token
        return self.judge(token)

    def files(self) -> list[pathlib.Path]:
        """All that could be a visitor's, or a trace of one."""
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        return [path for path in found if "examples" not in path.parts]


def result(answer: str) -> dict:
    """The JSON that an answer offers."""
    link = re.search(r'href="data:application/json;base64,([^"]+)"', answer)
    return json.loads(base64.b64decode(link[1]))


@pytest.fixture(scope="module")
def site(finished: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("web")
    process = subprocess.Popen(
        [sys.executable, "-m", "fdd.web", f"--workdir={finished}", "--port=0", *LIMITS],
        stdout=subprocess.PIPE, stderr=(folder.parent / "web.log").open("w"), text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    )  # fmt: skip
    line = process.stdout.readline()
    assert "http://" in line, (folder.parent / "web.log").read_text()
    yield Site(process, line.split()[1], folder)
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def videos(tree: pathlib.Path) -> list[bytes]:
    """Some drawn videos, all different."""
    return [path.read_bytes() for path in sorted(tree.rglob("*.mp4"))[:5]]


def huge_video(path: pathlib.Path, side: int) -> bytes:
    """A video of one black frame whose header, and PNG image, say another size than 64 × 64."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "gray"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64), np.uint8), format="gray")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    content = bytearray(path.read_bytes())
    entry = content.index(b"png ", content.index(b"stsd")) + 28
    content[entry : entry + 4] = struct.pack(">HH", side, side)
    image = content.index(b"IHDR") + 4
    content[image : image + 8] = struct.pack(">II", side, side)
    return bytes(content)


def test_an_answer_has_verdict_picture_and_json_and_leaves_nothing(site: Site, videos: list[bytes]):
    answer = site.answer(videos[0], "holiday.mp4")
    found = result(answer)
    assert found["path"] == "holiday.mp4" and found["verdict"] in ("real", "fake")
    assert f"<h2>{found['verdict'].capitalize()}</h2>" in answer
    picture = re.search(r'src="data:image/png;base64,([^"]+)"', answer)[1]
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert "no proof" in answer
    assert site.files() == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"These are words, not pictures.\n" * 50, "cannot be opened as a video"),
        (b"", "cannot be opened as a video"),
        (b"#EXTM3U\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n", "cannot be opened as a video"),
    ],
    ids=["text", "no byte", "playlist"],
)
def test_a_file_that_is_no_video_gets_a_reason(site: Site, content: bytes, sentence: str):
    answer = site.answer(content)
    assert result(answer)["verdict"] == "no answer"
    assert sentence in answer and str(site.folder) not in answer
    assert site.files() == []


def test_a_video_without_a_face_gets_a_reason(site: Site, tmp_path: pathlib.Path):
    write_video(tmp_path / "grey.mp4", np.full((20, 64, 64, 3), 128, np.uint8), 25, 30)
    assert result(site.answer((tmp_path / "grey.mp4").read_bytes()))["reason"] == "no face"


def test_what_exceeds_a_limit_is_told_so(site: Site, tmp_path: pathlib.Path):
    assert "no size that can be decoded" in site.answer(huge_video(tmp_path / "a.mov", 20_000))
    assert "5000 × 5000 pixels" in site.answer(huge_video(tmp_path / "b.mov", 5_000))
    write_video(tmp_path / "long.mp4", np.zeros((275, 64, 64, 3), np.uint8), 25, 30)
    assert "it lasts 11 seconds" in site.answer((tmp_path / "long.mp4").read_bytes())
    status, text = site.upload(bytes(2**20 + 1), "large.mp4")
    assert status == 413 and "at most 1 MB" in text
    assert site.files() == []


def test_a_name_is_only_a_name(site: Site, videos: list[bytes]):
    for name in ("../../../tmp/x.mp4", "/etc/passwd", "C:\\videos\\x.mp4", "<b>x</b>\n\0.mp4", ""):
        answer = site.answer(videos[1], name)
        path = result(answer)["path"]
        assert path == shown_name(name) and "/" not in path and "\\" not in path
        assert "<b>x" not in answer
    assert len(shown_name("x" * 5000 + ".mp4")) == 80
    assert site.files() == []


def test_many_at_once_each_get_their_own_answer(site: Site, videos: list[bytes]):
    alone = [result(site.answer(video))["logit"] for video in videos]
    assert len(set(alone)) == len(videos)
    # Every other one is no video, so that answers differ in kind and take different times.
    contents = [videos[(n // 2) % 5] if n % 2 else b"no video" for n in range(SIMULTANEOUS)]

    def visit(number: int) -> dict:
        return result(site.answer(contents[number], f"of visitor {number}.mp4"))

    with concurrent.futures.ThreadPoolExecutor(SIMULTANEOUS) as pool:
        answers = list(pool.map(visit, range(SIMULTANEOUS)))
    for number, answer in enumerate(answers):
        assert answer["path"] == f"of visitor {number}.mp4"
        assert answer["logit"] == (alone[(number // 2) % 5] if number % 2 else None)
    assert site.files() == []


def test_beyond_the_queue_visitors_are_told_that_it_is_busy(site: Site):
    tokens = []
    for _ in range(25):
        status, token = site.upload(b"waits", "a.mp4")
        assert status == 200
        tokens.append(token)
    status, text = site.upload(b"one more", "b.mp4")
    assert status == 503 and text == (
        "Busy: 24 videos are waiting already. Please try again in a minute."
    )
    for token in tokens:
        assert "cannot be opened as a video" in site.judge(token)
    assert site.files() == []
    assert "no longer there" in site.judge(tokens[0])
    assert "cannot be opened as a video" in site.answer(b"again")


def test_an_upload_that_breaks_off_leaves_nothing(site: Site):
    before = site.files()
    connection = http.client.HTTPConnection(site.host, timeout=60)
    connection.putrequest("PUT", "/upload?name=half.mp4")
    connection.putheader("content-length", "1000")
    connection.endheaders(b"half of it")
    wait_for(lambda: len(site.files()) > len(before))
    connection.close()
    wait_for(lambda: site.files() == before)


def test_nothing_else_of_gradio_can_be_reached(site: Site, finished: pathlib.Path):
    config = finished / "config.json"
    for method, path in (
        ("GET", f"/gradio_api/file={config}"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/proxy=https://example.org/"),
        ("GET", "/monitoring"),
        ("GET", "/examples/99"),
        ("GET", "/examples/..%2fdemo.json"),
    ):
        assert site.request(method, path, b"" if method == "POST" else None)[0] in (404, 422), path
    assert site.request("POST", "/gradio_api/call/judge", bytes(2**17))[0] == 413


def worker_of(site: Site) -> int:
    """The process that decodes."""
    pid = site.process.pid
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {child: pathlib.Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return next(int(child) for child, command in commands.items() if b"spawn_main" in command)


def wait_for(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_video_that_takes_too_long_is_stopped_and_the_next_one_judged(
    tmp_path: pathlib.Path, tree: pathlib.Path
):
    os.mkfifo(tmp_path / "endless")  # A file whose reading never ends.
    limits = Limits(timeout=0.5)
    spec = Preprocessing(image_size=32)
    with contextlib.closing(Worker(spec, limits)) as worker:
        started = time.monotonic()
        with pytest.raises(RejectedError, match=r"longer than the 0\.5 seconds allowed"):
            worker.cut(tmp_path / "endless", time.monotonic() + limits.timeout)
        assert time.monotonic() - started < 20
        video = next(iter(sorted(tree.rglob("*.mp4"))))
        assert isinstance(worker.cut(video, time.monotonic() + 20), Extraction)
        process = next(p for p in multiprocessing.active_children() if p.name == "fdd-video")
        os.kill(process.pid, signal.SIGSEGV)  # As a decoder's crash would.
        assert "decoder fail" in str(worker.cut(video, time.monotonic() + 20))
        assert isinstance(worker.cut(video, time.monotonic() + 20), Extraction)


def test_a_forgotten_upload_is_deleted(tmp_path: pathlib.Path):
    uploads = Uploads(tmp_path, Limits(queue=0, timeout=0.1), grace=0.1)
    with uploads.receive("a.mp4") as upload:
        upload.file.write(b"forgotten")
    with pytest.raises(RejectedError, match="Busy"), uploads.receive("b.mp4"):
        pass
    wait_for(lambda: not list(tmp_path.iterdir()))
    with uploads.receive("b.mp4"):
        pass


def test_wrong_limits_are_one_line():
    with pytest.raises(UserError, match="seconds must be above 0, not -1"):
        Limits(seconds=-1)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("needs a browser: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, site: Site) -> Iterator:
    """The page in a browser; fails if it asks anybody else for anything or complains."""
    asked, complaints = [], []
    with contextlib.closing(browser.new_context(reduced_motion="no-preference")) as context:
        page = context.new_page()
        context.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.on("console", lambda line: complaints.append(line.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(site.address)
        page.locator("input:enabled").wait_for(state="attached")
        yield page
    own = (site.address, "data:", f"blob:{site.address}")
    assert len(asked) > 5 and [url for url in asked if not url.startswith(own)] == []
    assert complaints == []


def test_in_a_browser_a_video_plays_and_gets_verdict_pictures_and_json(
    page, site: Site, tree: pathlib.Path
):
    video = sorted(tree.rglob("*.mp4"))[0]
    page.get_by_label("Video to judge").set_input_files(video)
    verdict = page.get_by_label("Verdict")
    verdict.wait_for()
    assert site.files() == []
    assert re.search(r"(Real|Fake)\n", verdict.inner_text())
    assert "no proof" in verdict.inner_text()
    picture = page.locator("#fdd-answer img")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 500
    with page.expect_download() as download:
        page.get_by_text("Download the answer as JSON").click()
    assert download.value.suggested_filename == f"{video.stem}.json"
    found = json.loads(pathlib.Path(download.value.path()).read_text())
    assert found["path"] == video.name and found["verdict"] in verdict.inner_text().lower()
    # The file is gone from the server, and the video still plays.
    player = page.get_by_label("The chosen video")
    first = player.evaluate("video => (video.loop = true, video.play(), video.currentTime)")
    page.wait_for_function(
        "first => document.querySelector('video').currentTime != first", arg=first
    )
    assert page.locator("footer").count() == 0


def test_in_a_browser_an_example_is_judged_after_a_file_that_is_no_video(
    page, site: Site, tmp_path: pathlib.Path
):
    (tmp_path / "notes.txt").write_text("no video")
    chooser = page.get_by_label("Video to judge")
    page.keyboard.press("Tab")  # The first thing that keys reach.
    assert chooser.evaluate("input => input === document.activeElement")
    chooser.set_input_files(tmp_path / "notes.txt")
    page.get_by_text("There is no answer: unreadable").wait_for()
    assert page.get_by_text("This browser cannot play the file.").is_visible()
    page.get_by_role("button", name="genuine").click()
    page.get_by_label("Verdict").get_by_text("Probability of fake").wait_for()
    (tmp_path / "large.mp4").write_bytes(bytes(2**20 + 1))
    chooser.set_input_files(tmp_path / "large.mp4")
    assert page.get_by_role("alert").inner_text() == (
        "The file is too large: at most 1 MB are taken."
    )
    assert page.get_by_label("Verdict").is_hidden()  # It was another video's.
    assert site.files() == []


def test_in_a_browser_a_visitor_who_leaves_takes_the_video_along(
    page, site: Site, tree: pathlib.Path
):
    os.kill(worker_of(site), signal.SIGSTOP)  # So that nothing is judged.
    try:
        first = concurrent.futures.ThreadPoolExecutor(1).submit(site.answer, b"no video")
        wait_for(lambda: len(site.files()) == 1)
        other = page.context.new_page()
        other.goto(site.address)
        other.locator("input:enabled").set_input_files(sorted(tree.rglob("*.mp4"))[0])
        other.get_by_text("queue: ").wait_for()
        assert len(site.files()) == 2
        other.close()
        deadline = time.monotonic() + 10
        while len(site.files()) == 2:
            assert time.monotonic() < deadline
            page.wait_for_timeout(50)
    finally:
        os.kill(worker_of(site), signal.SIGCONT)
    assert "cannot be opened as a video" in first.result(30)
    assert site.files() == []


def test_the_server_leaves_nothing_when_it_ends(site: Site):
    assert site.upload(b"still waiting", "a.mp4")[0] in (200, 503)
    site.process.terminate()
    site.process.wait(20)
    assert list(site.folder.iterdir()) == []
