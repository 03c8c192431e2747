"""The web page in a real browser."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import time
from collections.abc import Iterator

import pytest
from web_client import Site, wait_for


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
    """The page in a browser; fails on requests to other servers and on errors in the console."""
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
    page.get_by_label("Video to classify").set_input_files(video)
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


def test_in_a_browser_an_unfamiliar_video_gets_the_reason_and_nothing_to_read_as_a_verdict(
    page, site: Site, unfamiliar: pathlib.Path
):
    page.get_by_label("Video to classify").set_input_files(unfamiliar)
    verdict = page.get_by_label("Verdict")
    verdict.wait_for()
    said = verdict.inner_text()
    assert "No answer\n" in said and "unlike what this detector was trained on" in said
    assert "it is darker (brightness of the crop, 0 to 255: " in said
    assert "what may help: a brighter part of the video" in said
    answer = page.locator("#fdd-answer")
    assert answer.locator("img, .scale").count() == 0
    assert not re.search(r"probability of|called|\breal\b|\bfake\b", answer.inner_text(), re.I)
    with page.expect_download() as download:
        page.get_by_text("Download the answer as JSON").click()
    found = json.loads(pathlib.Path(download.value.path()).read_text())
    assert (found["verdict"], found["unfamiliar"]) == ("no answer", True)
    assert found["probability"] is found["logit"] is found["interval"] is None
    assert found["people"] == [] and found["outside"][0]["value"] < found["outside"][0]["low"]


def test_in_a_browser_an_example_is_classified_after_a_file_that_is_no_video(
    page, site: Site, tmp_path: pathlib.Path
):
    (tmp_path / "notes.txt").write_text("no video")
    chooser = page.get_by_label("Video to classify")
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
        "The file is too large: at most 1 MB are accepted."
    )
    assert page.get_by_label("Verdict").is_hidden()  # It was another video's.
    assert site.files() == []


def test_in_a_browser_the_video_of_a_visitor_who_leaves_is_deleted(
    page, site: Site, tree: pathlib.Path
):
    os.kill(site.worker(), signal.SIGSTOP)  # So that nothing is classified.
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
        os.kill(site.worker(), signal.SIGCONT)
    assert "cannot be opened as a video" in first.result(30)
    assert site.files() == []
