"""Frames come in the order in which a player shows them, whatever codec and container."""

import fractions

import av
import numpy as np
import pytest

from fdd.video import decode
from fdd.video.clips import extract_clips
from fdd.video.preprocessing import Preprocessing
from tests.video import numbered

# Name: encoder, pixel format, options, containers (FFmpeg's names) that hold it.
CODECS = {
    "h264 with b-frames": (
        *("libx264", "yuv420p", {"bf": "3", "g": "12", "x264-params": "b-pyramid=none"}),
        ("avi", "mxf", "matroska", "mp4", "mov", "mpegts", "flv", "asf", "mpeg", "h264", "nut"),
    ),
    "h264, pyramid, open gop": (
        *("libx264", "yuv420p", {"bf": "4", "g": "12", "x264-params": "open-gop=1"}),
        ("avi", "mxf", "matroska", "mp4", "mpegts", "h264"),
    ),
    "hevc": (
        *("libx265", "yuv420p", {"x265-params": "bframes=4:keyint=15:log-level=none"}),
        ("matroska", "mp4", "mov", "mpegts", "flv", "mpeg", "hevc"),
    ),
    "mpeg4 with b-frames": (
        *("mpeg4", "yuv420p", {"bf": "2", "g": "12", "q": "3"}),
        ("avi", "matroska", "mp4", "mov", "mpegts", "asf", "mpeg", "m4v"),
    ),
    "mpeg2": (
        *("mpeg2video", "yuv420p", {"bf": "2", "g": "12", "b": "3M"}),
        ("avi", "mxf", "matroska", "mpegts", "asf", "mpeg", "vob", "mpeg2video"),
    ),
    "mpeg1": ("mpeg1video", "yuv420p", {"bf": "2", "b": "3M"}, ("mpeg", "avi")),
    "vp9": (
        *("libvpx-vp9", "yuv420p", {"b": "800k", "deadline": "realtime", "cpu-used": "8"}),
        ("matroska", "webm", "mp4", "ivf", "avi"),
    ),
    "av1": (
        *("libsvtav1", "yuv420p", {"preset": "12", "crf": "10", "svtav1-params": "lp=1"}),
        ("matroska", "mp4", "ivf", "obu"),
    ),
    "mjpeg": (
        *("mjpeg", "yuvj420p", {}),
        ("avi", "matroska", "mp4", "mov", "mjpeg"),
    ),
    "wmv": ("wmv2", "yuv420p", {"b": "2M"}, ("asf", "avi")),
    "flash": ("flv", "yuv420p", {"b": "2M"}, ("flv",)),
    "lossless": ("ffv1", "yuv420p", {}, ("matroska", "avi")),
    "gif": ("gif", "rgb8", {}, ("gif",)),
}


@pytest.mark.parametrize("kind", CODECS)
def test_every_frame_comes_once_and_in_order(kind, tmp_path):
    codec, pix_fmt, options, containers = CODECS[kind]
    for container in containers:
        path = numbered.write(tmp_path / container, codec, container, pix_fmt, 40, options)
        info, numbers = numbered.readable(path)
        assert numbers == list(range(40)), (kind, container)
        assert not info.condition.damaged, (kind, container)
        assert info.seconds(39) - info.seconds(20) == pytest.approx(19 / 25, abs=0.05)


def _rewrite(source, path, container, stamp):
    """Copies the packets with other stamps: `stamp(number, packet)` gives (pts, dts)."""
    with av.open(str(source)) as file, av.open(str(path), "w", format=container) as out:
        stream = out.add_stream_from_template(file.streams.video[0])
        for number, packet in enumerate(file.demux(video=0)):
            if packet.size:
                packet.pts, packet.dts = stamp(number, packet)
                packet.stream = stream
                out.mux(packet)
    return path


@pytest.fixture(scope="module")
def b_frames(tmp_path_factory):
    """A video with frames that are coded out of order."""
    path = tmp_path_factory.mktemp("order") / "a.mkv"
    return numbered.write(path, options={"bf": "3", "g": "250"})


@pytest.mark.parametrize("container", ["matroska", "mp4", "mpegts", "nut"])
def test_stamps_in_decoding_order_are_not_used(b_frames, tmp_path, container):
    """Such stamps are left by tools that copy packets without correcting stamps."""
    path = tmp_path / container

    def by_number(number, packet):
        ticks = round(1 / (25 * packet.time_base))
        return number * ticks, number * ticks

    _rewrite(b_frames, path, container, by_number)
    info, numbers = numbered.readable(path)
    assert numbers == list(range(40))
    assert info.seconds(10) == pytest.approx(0.4, abs=0.01)


def test_only_a_few_frames_of_a_file_with_wrong_stamps(tmp_path):
    """They are not at the places that the stamps give."""
    path = numbered.write(tmp_path / "a", container="avi", options={"bf": "3", "g": "250"})
    for wanted in ([1], [5, 30], [39]):
        info = decode.probe(path)
        try:
            frames = [numbered.number(f) for _, f in decode.read_frames(path, info, wanted)]
        except decode.MisreadError:
            info = decode.survey(path)
            frames = [numbered.number(f) for _, f in decode.read_frames(path, info, wanted)]
        assert frames == wanted


def test_duplicate_stamps(tmp_path):
    path = tmp_path / "a.mkv"
    stamps = [index - index % 2 for index in range(40)]
    numbered.write(tmp_path / "b.mkv", "mjpeg", pix_fmt="yuvj420p")
    _rewrite(tmp_path / "b.mkv", path, "matroska", lambda n, p: (40 * stamps[n], 40 * stamps[n]))
    info, numbers = numbered.readable(path)
    assert numbers == list(range(40))
    assert info.seconds(30) == pytest.approx(30 / 25, abs=0.01)


def test_frames_packed_as_divx_packs_them(tmp_path):
    """AVI cannot say that frames are coded out of order, so DivX put two into one packet.

    An empty frame follows, which shows the second of them.
    """
    source, path = tmp_path / "source", tmp_path / "a"
    options = {"bf": "1", "b_strategy": "0", "g": "250", "q": "3"}
    numbered.write(source, "mpeg4", "avi", options=options)
    start, empty, b_frame = b"\0\0\1\xb6", b"\0\0\1\xb6\x50\x40", 2
    with av.open(str(source)) as file, av.open(str(path), "w", format="avi") as out:
        stream = out.add_stream_from_template(file.streams.video[0])
        stream.codec_context.extradata += b"\0\0\1\xb2DivX503b1393p"
        packed: list[bytes] = []
        for packet in file.demux(video=0):
            data = bytes(packet)
            if data and data[data.index(start) + 4] >> 6 == b_frame:
                packed[-1:] = [packed[-1] + data, empty]
            elif data:
                packed.append(data)
        for number, data in enumerate(packed):
            packet = av.Packet(data)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = fractions.Fraction(1, 25), stream
            packet.is_keyframe = number == 0
            out.mux(packet)
    assert empty in packed
    _, numbers = numbered.readable(path)
    assert numbers == list(range(40))


@pytest.mark.parametrize("start", [2**33 - 20 * 3600, -20 * 3600], ids=["wraps", "negative"])
def test_a_clock_that_starts_again_or_below_zero(b_frames, tmp_path, start):
    """That of a transport stream has 33 bits at 90 kHz; the muxer cuts off what is above."""
    path = tmp_path / "a.ts"
    with av.open(str(b_frames)) as file, av.open(str(path), "w", format="mpegts") as out:
        stream = out.add_stream_from_template(file.streams.video[0])
        out.start_encoding()
        for number, packet in enumerate(file.demux(video=0)):
            if packet.size:
                shown = round(packet.pts * packet.time_base * 25)
                packet.time_base = stream.time_base
                packet.pts, packet.dts = start + 3600 * shown, start + 3600 * (number - 3)
                packet.stream = stream
                out.mux(packet)
    info, numbers = numbered.readable(path)
    assert numbers == list(range(40))
    assert [info.seconds(index) for index in range(40)] == pytest.approx(np.arange(40) / 25)


def test_an_edit_list_hides_frames(b_frames, tmp_path):
    """A video cut without coding it again begins with frames that are decoded but not shown.

    The muxer writes an edit list where the first frames have negative stamps.
    """
    path = tmp_path / "a.mp4"

    def earlier(number, packet):
        shown = round(packet.pts * packet.time_base * 25) - 10
        tick = round(1 / (25 * packet.time_base))
        return shown * tick, (number - 13) * tick

    with av.open(str(b_frames)) as file:
        container_options = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
        with av.open(str(path), "w", format="mp4", options=container_options) as out:
            stream = out.add_stream_from_template(file.streams.video[0])
            for number, packet in enumerate(file.demux(video=0)):
                if packet.size:
                    packet.pts, packet.dts = earlier(number, packet)
                    packet.stream = stream
                    out.mux(packet)
    info, numbers = numbered.readable(path)
    assert numbers == list(range(10, 40))
    assert not info.condition.damaged


def test_clips_of_a_file_with_stamps_in_decoding_order(shared):
    path = shared / "inputs/order-h264-avi/h264.avi"
    if not path.is_file():
        pytest.skip("needs ../shared/inputs")
    spec = Preprocessing(image_size=64, sampling="consecutive", clips_per_video=1)
    ((clip,),) = extract_clips(path, spec).people
    steps = np.abs(np.diff(clip.images().astype(float), axis=0)).mean(axis=(1, 2, 3))
    with av.open(str(path)) as file:
        plain = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    ((again,),) = extract_clips(path, spec).people
    assert clip == again
    info = decode.survey(path)
    frames = np.stack([frame for _, frame in decode.read_frames(path, info, range(40))])
    np.testing.assert_array_equal(frames, plain)  # The decoder's order is the shown one.
    assert steps.max() < 20
