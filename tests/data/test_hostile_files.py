"""A build of a tree with all kinds of damaged or unusual files."""

import fractions
import os
import pathlib
import socket
import struct

import av
import cv2
import numpy as np
import pytest

from fdd.data import extraction, splits
from fdd.data.builders import faceforensics_tree
from fdd.data.builders.faceforensics import Selection
from fdd.video import decode, opening
from fdd.video.preprocessing import Preprocessing

SPEC = Preprocessing(image_size=32, sampling="consecutive", clips_per_video=1)


@pytest.fixture(scope="module")
def face(tree):
    """Twenty frames of a drawn head."""
    path = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[0]
    info = decode.probe(path)
    return [frame for _, frame in decode.read_frames(path, info, range(info.num_frames))]


def _encode(
    path, frames, codec="libx264", pix_fmt="yuv420p", container="mp4", options=None, stamps=None
):
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts = stamps[index] if stamps else index
            frame.time_base = fractions.Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _audio(path, container="mp4"):
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _cut(path, frames, fraction, **settings):
    _encode(path, frames, **settings)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])


def _scratch(path, frames):
    """Zeros over the pictures of a file whose index is intact."""
    _encode(path, frames, options={"g": "250"})
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    content[start:end] = bytes(end - start)
    path.write_bytes(content)


def _rotated(path, frames):
    """Frames on their side, and the matrix in the header that says so."""
    _encode(path, [np.rot90(frame) for frame in frames])
    content = bytearray(path.read_bytes())
    header = content.index(b"tkhd") + 4
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    matrix = content.index(upright, header)
    turned = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    content[matrix : matrix + 36] = turned
    path.write_bytes(content)


def _socket(path):
    with socket.socket(socket.AF_UNIX) as end:
        before = os.getcwd()
        os.chdir(path.parent)  # A socket's path may have 100 characters.
        end.bind(path.name)
        os.chdir(before)


def _noise(size, count=12):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (*size, 3), dtype=np.uint8) for _ in range(count)]


# name: (how to write the file, the reason in the manifest)
BAD = {
    "empty": (lambda p, f: p.write_bytes(b""), "cannot be opened"),
    "text": (lambda p, f: p.write_text("Not found\n" * 99), "cannot be opened"),
    "html": (lambda p, f: p.write_text("<!doctype html><p>Moved</p>" * 20), "cannot be opened"),
    "zeros": (lambda p, f: p.write_bytes(bytes(9999)), "cannot be opened"),
    "random": (lambda p, f: p.write_bytes(np.random.default_rng(1).bytes(9999)), "be opened"),
    "zip": (lambda p, f: p.write_bytes(b"PK\3\4" + bytes(99)), "cannot be opened"),
    "picture": (lambda p, f: p.write_bytes(cv2.imencode(".jpg", f[0])[1].tobytes()), "1 frames"),
    "audio only": (lambda p, f: _audio(p), "no video stream"),
    "audio only, matroska": (lambda p, f: _audio(p, "matroska"), "no video stream"),
    "no index": (lambda p, f: _cut(p, f, 0.6), "cannot be opened"),
    "header only": (lambda p, f: _cut(p, f, 0.02, container="matroska"), "no frames|cannot be"),
    "cut short": (
        lambda p, f: _cut(p, f, 0.3, container="matroska"),
        "fewer than|cannot be decoded",
    ),
    "scratched": (_scratch, "20 of 20 frames are damaged"),
    "one frame": (lambda p, f: _encode(p, f[:1]), "1 frames, fewer than a clip's 10"),
    "nine frames": (lambda p, f: _encode(p, f[:9]), "9 frames, fewer than a clip's 10"),
    "black": (lambda p, f: _encode(p, [0 * image for image in f]), "no face"),
    "noise": (lambda p, f: _encode(p, _noise((96, 128))), "no face"),
    "ever slower": (
        lambda p, f: _encode(p, f, stamps=[i + i * i // 9 for i in range(20)]),
        "seconds pass from one frame to the next",
    ),
    "two pixels": (lambda p, f: _encode(p, [image[:2, :2] for image in f]), "no face"),
}
IGNORED = {
    "folder": (lambda p: p.mkdir(), "a folder, though its name ends as a video's"),
    "dangling link": (lambda p: p.symlink_to(p.with_name("gone")), "a link to nothing"),
    "endless link": (lambda p: p.symlink_to(p.name), "cannot be read: Too many levels of"),
    "pipe": (os.mkfifo, "no file but a pipe"),
    "socket": (lambda p: _socket(p), "no file but a socket"),
    "device": (lambda p: p.symlink_to("/dev/zero"), "no file but a device"),
}
GOOD = {
    "variable frame rate": lambda p, f: _encode(p, f, stamps=[i + (i > 8) for i in range(20)]),
    "late start": lambda p, f: _encode(p, f, stamps=range(1000, 1020), container="matroska"),
    "rotated": _rotated,
    "odd size": lambda p, f: _encode(p, [i[:191, :189] for i in f], pix_fmt="yuv444p"),
    "ten bits": lambda p, f: _encode(p, f, pix_fmt="yuv420p10le"),
    "4:4:4": lambda p, f: _encode(p, f, pix_fmt="yuv444p"),
    "b-frames": lambda p, f: _encode(p, f, options={"bf": "4", "g": "99"}),
    "raw stream, no duration": lambda p, f: _encode(p, f, container="h264"),
    "avi": lambda p, f: _encode(
        p, f, codec="mpeg4", container="avi", options={"bf": "2", "q": "2"}
    ),
    "mpeg-2": lambda p, f: _encode(p, f, codec="mpeg2video", container="mpeg"),
    "vp9": lambda p, f: _encode(p, f, codec="libvpx-vp9", container="webm"),
    "motion jpeg": lambda p, f: _encode(
        p, f, codec="mjpeg", pix_fmt="yuvj420p", container="matroska"
    ),
    "rgb": lambda p, f: _encode(p, f, codec="libx264rgb", pix_fmt="rgb24"),
}


@pytest.fixture(scope="module")
def outcome(face, tmp_path_factory):
    """The outcome of each file, and the reasons for ignored files."""
    root = tmp_path_factory.mktemp("hostile")
    folder = root / "original_sequences/youtube/c23/videos"
    folder.mkdir(parents=True)
    ids = (i for pair in splits.official_pairs("train") for i in pair)
    names = {}
    for kind, write in [*((k, w) for k, (w, _) in BAD.items()), *GOOD.items()]:
        name = next(ids)
        write(folder / f"{name}.mp4", face)
        names[name] = kind
    fakes = root / "manipulated_sequences/Deepfakes/c23/videos"
    fakes.mkdir(parents=True)
    good = next(name for name, kind in names.items() if kind == "4:4:4")
    _encode(fakes / f"{good}_{next(ids)}.mp4", face, pix_fmt="yuv444p", options={"crf": "20"})
    for write, _ in IGNORED.values():
        name = next(ids)
        write(folder / f"{name}.mp4")
        names[name] = next(kind for kind, (each, _) in IGNORED.items() if each is write)
    holdings = faceforensics_tree.survey(root, Selection(methods=("Deepfakes",)))
    videos = holdings.videos
    workspace = extraction.Workspace(root / "work", SPEC)
    workspace.run(videos)
    found = {names[r.video.name]: r for r in workspace.results(videos) if r.video.name in names}
    reasons = {pathlib.Path(each.path).stem: each.reason for each in holdings.ignored}
    return found, {names[name]: reason for name, reason in reasons.items()}


@pytest.fixture(scope="module")
def results(outcome):
    """The outcome of each file."""
    return outcome[0]


def test_what_is_no_file_is_passed_over_with_its_reason(outcome):
    reasons = outcome[1]
    assert set(reasons) == set(IGNORED)
    for kind, (_, reason) in IGNORED.items():
        assert reasons[kind].startswith(reason)


def test_there_are_enough_kinds(results):
    assert len(BAD) + len(GOOD) >= 25
    assert set(results) == set(BAD) | set(GOOD)


@pytest.mark.parametrize("kind", BAD)
def test_what_is_bad_is_named_with_its_reason(results, kind):
    result = results[kind]
    assert result.extraction is None
    assert any(reason in result.error for reason in BAD[kind][1].split("|")), result.error
    assert "\n" not in result.error


@pytest.mark.parametrize("kind", GOOD)
def test_unusual_files_give_a_clip_of_the_face(results, kind):
    result = results[kind]
    assert result.extraction is not None, result.error
    ((clip,),) = result.extraction.people
    assert len(clip.frames) == 10
    assert clip.face.score > 0.6


def test_a_rotated_video_is_upright(results):
    rotated, plain = (results[kind].extraction for kind in ("rotated", "4:4:4"))
    assert rotated.frame_size == plain.frame_size
    assert np.allclose(rotated.people[0][0].crop, plain.people[0][0].crop, atol=6)


def test_frames_that_are_too_large_are_refused(face, tmp_path, monkeypatch):
    _encode(tmp_path / "a.mp4", face)
    monkeypatch.setattr(opening, "MAX_PIXELS", 192 * 192 - 1)
    with pytest.raises(decode.VideoError, match="192×192 pixels are too large"):
        decode.probe(tmp_path / "a.mp4")
