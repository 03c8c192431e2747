"""Files of any name and pipes are opened, and nothing but the file itself."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from fdd.video import decode, pipes
from tests.video import numbered


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Twelve numbered frames."""
    return numbered.write(tmp_path_factory.mktemp("opening") / "a.mp4", count=12)


NAMES = (
    *("12:30:05.mp4", "http:a.mp4", "concat:a|b.mp4", "-leading.mp4", "[1]*?{2}%d.mp4", "a#b.mp4"),
    *(b"caf\xe9.mp4", "видео 視頻.mp4", "pipe:0", "file:a.mp4", "no_ending", "a\nb.mp4"),
)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_is_the_name_of_a_file(video, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)  # So that the name stands alone, with nothing before it.
    shutil.copy(video, os.path.join(os.fsencode(tmp_path), os.fsencode(name)))
    assert numbered.readable(os.fsdecode(name))[1] == list(range(12))


def _scripts(target, url):
    """Files that make FFmpeg open another one, by the demuxer that reads them."""
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{url}'\n",
        "dash": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        f'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4">'
        f'<Representation id="1" bandwidth="1"><BaseURL>{url}</BaseURL></Representation>'
        f"</AdaptationSet></Period></MPD>",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=video {target} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "smil": f'<smil><body><video src="{url}"/></body></smil>',
        "asx": f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
        "rtsp text": f"rtsptext\r\n{url}\r\n",
        "avisynth": f'AVISource("{url}")\n',
    }


NOTHING = r"cannot be opened as a video|no video"
KINDS = tuple(_scripts(0, ""))


@pytest.mark.parametrize("name", ["a.mp4", "a.m3u8"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_script_opens_no_other_file(video, tmp_path, kind, name):
    """It names a video that lies beside it."""
    shutil.copy(video, tmp_path / "secret.mp4")
    script = tmp_path / name
    for url in ("secret.mp4", str(tmp_path / "secret.mp4"), f"file:{tmp_path}/secret.mp4"):
        script.write_text(_scripts(0, url)[kind])
        with pytest.raises(decode.VideoError, match=NOTHING):
            decode.probe(script)


@pytest.mark.parametrize("name", ["a.mp4", "a.m3u8"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_script_opens_no_connection(tmp_path, kind, name):
    script = tmp_path / name
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for scheme in ("tcp", "http", "rtsp", "rtmp", "udp"):
            script.write_text(_scripts(port, f"{scheme}://127.0.0.1:{port}/a.mp4")[kind])
            with pytest.raises(decode.VideoError, match=NOTHING):
                decode.probe(script)
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()


def test_an_image_sequence_opens_no_other_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    numbered.write(tmp_path / "0.mkv", "mjpeg", pix_fmt="yuvj420p", count=1)
    for index in range(12):
        with av.open(str(tmp_path / "0.mkv")) as file:
            data = bytes(next(file.demux(video=0)))
        (tmp_path / f"{index:02}.jpg").write_bytes(data)
    with pytest.raises(decode.VideoError, match="No such file"):
        decode.probe("%02d.jpg")
    assert decode.probe("05.jpg").num_frames == 1


def test_a_movie_that_keeps_its_frames_in_another_file(video, tmp_path):
    """QuickTime's data reference (dref) names the file in which the frames lie."""
    shutil.copy(video, tmp_path / "secret.mp4")
    content = video.read_bytes()
    start = content.index(b"dref") - 4
    end = start + int.from_bytes(content[start : start + 4], "big")
    name = str(tmp_path / "secret.mp4").encode() + b"\0"
    entry = (12 + len(name)).to_bytes(4, "big") + b"url \0\0\0\0" + name
    for kind in (b"url ", b"alis", b"rsrc"):
        entry = entry[:4] + kind + entry[8:]
        reference = b"dref\0\0\0\0\0\0\0\1" + entry
        reference = (4 + len(reference)).to_bytes(4, "big") + reference
        moov = bytearray(content[:start] + reference + content[end:])
        grown = len(reference) - (end - start)
        for box in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
            place = moov.index(box) - 4
            size = int.from_bytes(moov[place : place + 4], "big") + grown
            moov[place : place + 4] = size.to_bytes(4, "big")
        at = moov.index(b"mdat") + 4
        size = int.from_bytes(moov[at - 8 : at - 4], "big") - 8
        moov[at : at + size] = bytes(size)  # Nothing is left of the frames in the file itself.
        path = tmp_path / "a.mov"
        path.write_bytes(moov)
        with pytest.raises(decode.VideoError):
            info = decode.survey(path)
            if not info.num_frames:
                raise decode.VideoError("no frame of another file was read")


def _fed(path, data):
    """Writes data into a pipe from a thread."""

    def feed():
        with open(path, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    return thread


def test_a_pipe_is_read_once_and_can_be_read_again(video, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = _fed(path, video.read_bytes())
    assert numbered.readable(path)[1] == list(range(12))
    assert numbered.readable(path)[1] == list(range(12))
    thread.join(10)
    assert not list(pathlib.Path(tmp_path).glob("fdd_pipe_*"))


def test_an_endless_pipe_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(pipes, "MAX_BYTES", 2**20)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = threading.Thread(
        target=lambda: subprocess.run(["dd", "if=/dev/zero", f"of={path}"], capture_output=True),
        daemon=True,
    )
    thread.start()
    with pytest.raises(decode.VideoError, match=r"more than .* GiB come out of the pipe"):
        decode.probe(path)
    thread.join(10)
    assert not thread.is_alive()


def test_an_empty_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    _fed(path, b"")
    with pytest.raises(decode.VideoError, match="nothing comes out of the pipe"):
        decode.probe(path)


PROBE = "import sys; from tests.video import numbered; print(numbered.readable(sys.argv[1])[1])"


@pytest.mark.parametrize(
    "kind", ["cat {0} | {1} /dev/stdin", "{1} <(cat {0})", "{1} /dev/stdin <{0}"]
)
def test_files_that_a_shell_passes(video, kind):
    command = kind.format(video, f'{sys.executable} -c "{PROBE}"')
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.strip() == str(list(range(12))), done.stderr


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "/"])
def test_what_is_no_file(name):
    with pytest.raises(decode.VideoError, match=r"neither a file nor a pipe|it is a folder"):
        decode.probe(name)


def _with_cover(path, frames, codec):
    """A cover picture as the first video stream, then a video."""
    with av.open(str(path), "w") as out:
        cover = out.add_stream("mjpeg", rate=25)
        cover.height, cover.width, cover.pix_fmt = 256, 256, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        stream = out.add_stream(codec, rate=25) if frames else out.add_stream("aac", rate=44100)
        if frames:
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.full((256, 256, 3), 99, np.uint8), format="rgb24")
        picture.pts = 0
        out.mux(cover.encode(picture))
        out.mux(cover.encode(None))
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = index
            out.mux(stream.encode(frame))
        if not frames:
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
            sound.sample_rate = 44100
            out.mux(stream.encode(sound))
        out.mux(stream.encode(None))
    return path


def test_a_cover_picture_is_not_the_video(tmp_path):
    frames = [numbered.frame(index) for index in range(12)]
    info, numbers = numbered.readable(_with_cover(tmp_path / "a.mp4", frames, "libx264"))
    assert numbers == list(range(12))
    assert not info.condition.notes


def test_sound_with_a_cover_picture(tmp_path):
    with pytest.raises(decode.VideoError, match="no video stream, only a cover picture"):
        decode.probe(_with_cover(tmp_path / "a.m4a.mp4", [], ""))


def test_of_several_videos_the_largest_is_classified(tmp_path):
    path = tmp_path / "a.ts"
    with av.open(str(path), "w") as out:
        streams = []
        for height, width in ((32, 64), (64, 128)):
            stream = out.add_stream("libx264", rate=25)
            stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
            streams.append(stream)
        for index in range(12):
            for stream in streams:
                image = numbered.frame(index, stream.height, stream.width)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts = index
                out.mux(stream.encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))
    info, numbers = numbered.readable(path)
    assert numbers == list(range(12))
    assert (info.height, info.width) == (64, 128)
    assert info.condition.notes == (
        "the file holds 2 videos, of which the one of 128×64 pixels is classified",
    )


def test_an_impossible_pixel_aspect_ratio_is_reported(tmp_path):
    path = numbered.write(tmp_path / "a.mkv", count=3, aspect=Fraction(30, 1))
    info = decode.probe(path)
    assert info.condition.clauses() == (
        "its pixels' ratio of 30 is taken for an error and ignored",
    )
    ((_, image),) = decode.read_frames(path, info, [0])
    assert image.shape[:2] == (numbered.HEIGHT, numbered.WIDTH)
