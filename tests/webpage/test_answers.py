"""The web page through its own requests: answers, limits, the queue."""

import base64
import concurrent.futures
import contextlib
import pathlib
import re
import struct
import time

import av
import numpy as np
import pytest
from web_client import Site, result, wait_for

from fdd.errors import UserError
from fdd.video.encode import write_video
from fdd.video.extraction import Extraction
from fdd.video.preprocessing import Preprocessing
from fdd.webpage.limits import Limits, RejectedError
from fdd.webpage.uploads import Uploads, shown_name
from fdd.webpage.worker import Worker

SIMULTANEOUS = 20


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


def test_a_visitor_is_told_which_limit_is_exceeded(site: Site, tmp_path: pathlib.Path):
    assert "no size that can be decoded" in site.answer(huge_video(tmp_path / "a.mov", 20_000))
    assert "5000 × 5000 pixels" in site.answer(huge_video(tmp_path / "b.mov", 5_000))
    write_video(tmp_path / "long.mp4", np.zeros((275, 64, 64, 3), np.uint8), 25, 30)
    assert "it lasts 11 seconds" in site.answer((tmp_path / "long.mp4").read_bytes())
    status, text = site.upload(bytes(2**20 + 1), "large.mp4")
    assert status == 413 and "at most 1 MB" in text
    assert site.files() == []


def test_a_video_that_is_longer_than_it_declares_is_refused(
    site: Site, tree: pathlib.Path, tmp_path: pathlib.Path
):
    with av.open(str(sorted(tree.rglob("*.mp4"))[0])) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    write_video(tmp_path / "long.mp4", np.stack(frames * 14)[:275], 25, 30)
    content = bytearray((tmp_path / "long.mp4").read_bytes())
    for kind in (b"mvhd", b"mdhd"):  # Its boxes now say that it lasts one second.
        scale = content.index(kind) + 4 + 12  # Behind version, flags and two times.
        content[scale + 4 : scale + 8] = content[scale : scale + 4]
    assert "it lasts 11 seconds" in site.answer(bytes(content))


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
        assert "cannot be opened as a video" in site.classify(token)
    assert site.files() == []
    assert "no longer there" in site.classify(tokens[0])
    assert "cannot be opened as a video" in site.answer(b"again")


def test_a_video_that_takes_too_long_is_stopped_and_the_next_one_classified(
    tree: pathlib.Path, slow_video: bytes, tmp_path: pathlib.Path
):
    (tmp_path / "slow.mp4").write_bytes(slow_video)
    limits = Limits(timeout=0.05)
    spec = Preprocessing(image_size=32)
    video = next(iter(sorted(tree.rglob("*.mp4"))))
    with contextlib.closing(Worker(spec, limits)) as worker:
        assert isinstance(worker.cut(video, time.monotonic() + 20), Extraction)
        started = time.monotonic()
        with pytest.raises(RejectedError, match=r"longer than the 0\.05 seconds allowed"):
            worker.cut(tmp_path / "slow.mp4", time.monotonic() + limits.timeout)
        assert time.monotonic() - started < 20
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
