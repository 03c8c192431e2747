"""Files that would take hours or all memory are refused before decoding."""

import shutil
import struct
import time
from fractions import Fraction

import av
import numpy as np
import pytest

from fdd.video import decode, opening, packets
from tests.video import numbered


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Twelve numbered frames."""
    return numbered.write(tmp_path_factory.mktemp("limits") / "a.mp4", count=12)


def test_a_picture_too_large_is_refused_before_it_is_decoded(video, monkeypatch):
    monkeypatch.setattr(opening, "MAX_PIXELS", 128 * 64 - 1)
    with pytest.raises(decode.VideoError, match="128×64 pixels are too large"):
        decode.probe(video)
    with pytest.raises(decode.VideoError, match="128×64 pixels are too large"):
        decode.survey(video)


def test_a_small_file_that_costs_hours_is_refused(tmp_path):
    """One picture of 17 megapixels, repeated with almost no additional bytes.

    The packets are copied, so that the test itself need not code hours of video.
    """
    first = numbered.write(
        tmp_path / "a.mkv", "libx264", frames=[np.zeros((4096, 4096, 3), np.uint8)] * 3,
        options={"preset": "ultrafast"},
    )  # fmt: skip
    path = tmp_path / "b.mkv"
    with av.open(str(first)) as file, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(file.streams.video[0])
        data = [bytes(packet) for packet in file.demux(video=0) if packet.size]
        for number in range(12_000):
            packet = av.Packet(data[0] if not number else data[-1])
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, 25), stream
            packet.is_keyframe = not number
            out.mux(packet)
    assert path.stat().st_size < 2**22
    started = time.process_time()
    with pytest.raises(decode.VideoError, match=r"in .* bytes are too much to decode"):
        decode.probe(path)
    assert time.process_time() - started < 10


def test_too_many_packets_are_refused(video, monkeypatch):
    monkeypatch.setattr(packets, "MAX_FRAMES", 10)
    with pytest.raises(decode.VideoError, match="at least 11 frames"):
        decode.probe(video)


def test_a_stream_that_grows_beyond_the_limit(tmp_path, monkeypatch):
    """The size is checked where the decoder learns of it."""
    monkeypatch.setitem(opening._DECODER, "max_pixels", str(200 * 100))
    options = {"bf": "0"}
    numbered.write(tmp_path / "0.ts", container="mpegts", count=20, options=options)
    large = [np.zeros((480, 640, 3), np.uint8)] * 10
    numbered.write(
        tmp_path / "1.ts", container="mpegts", frames=large, options=options, stamps=range(20, 30)
    )
    path = tmp_path / "a.ts"
    path.write_bytes((tmp_path / "0.ts").read_bytes() + (tmp_path / "1.ts").read_bytes())
    info = decode.survey(path)
    assert info.num_frames >= 15  # The clock jumps at the seam, and the last frames are doubted.
    assert (info.height, info.width) == (64, 128)
    assert info.condition.damaged >= 10


def _replaced(path, kind, skip, values):
    """Overwrites 32 bit numbers in an MP4 file's box."""
    content = bytearray(path.read_bytes())
    place = content.index(kind) + 4 + skip
    content[place : place + 4 * len(values)] = struct.pack(f">{len(values)}I", *values)
    path.write_bytes(content)


def test_an_index_that_declares_a_billion_frames(video, tmp_path):
    """All have one size, so the index takes as many bytes as for one frame."""
    path = tmp_path / "a.mp4"
    shutil.copy(video, path)
    _replaced(path, b"stsz", 4, (1, 10**9))
    _replaced(path, b"stts", 8, (10**9, 512))
    _replaced(path, b"stsc", 12, (10**9,))
    for read in (decode.header, decode.probe, decode.survey):
        with pytest.raises(decode.VideoError, match="index of 1000000000 frames or samples is too"):
            read(path)


def test_a_fragment_that_declares_a_billion_frames(tmp_path):
    options = {"movflags": "frag_keyframe+empty_moov"}
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options=options) as out:
        stream = out.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 128, "yuv420p"
        for index in range(12):
            frame = av.VideoFrame.from_ndarray(numbered.frame(index), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert numbered.readable(path)[1] == list(range(12))
    _replaced(path, b"trun", 4, (10**9,))
    with pytest.raises(decode.VideoError, match="index of 1000000000 frames or samples is too"):
        decode.probe(path)


def test_an_edit_list_that_repeats_everything(video, tmp_path):
    path = tmp_path / "a.mp4"
    shutil.copy(video, path)
    _replaced(path, b"elst", 4, (2**31,))
    with pytest.raises(decode.VideoError, match="an edit list of 2147483648 entries is too long"):
        decode.probe(path)
