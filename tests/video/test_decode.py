import av
import cv2
import numpy as np
import pytest

from fdd.video import decode


def _numbered_frame(index, height=96, width=128):
    """A frame that shows its number: a bright bar at x = 4 * index, and texture."""
    frame = np.random.default_rng(index).integers(0, 60, (height, width, 3), dtype=np.uint8)
    frame = cv2.blur(frame, (9, 9))
    frame[:, 4 * index % width : 4 * index % width + 4] = 250
    return frame


def _write(path, num_frames=30, pix_fmt="yuv420p", codec="libx264", options=None, pts=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = 128, 96, pix_fmt
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(_numbered_frame(index), format="rgb24")
            frame.pts = pts[index] if pts else index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _bar(frame):
    return int(frame[:, :, 0].astype(float).mean(axis=0).argmax()) // 4


# Frames that nothing refers to, between frames that are coded out of order.
B_FRAMES = {"g": "250", "bf": "3", "b-pyramid": "none"}


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p"])
@pytest.mark.parametrize("wanted", [[0], [29], [3, 4, 5], [0, 7, 13, 28], list(range(30))])
def test_the_wanted_frames_come_out(tmp_path, pix_fmt, wanted):
    path = _write(tmp_path / "a.mp4", pix_fmt=pix_fmt, options=B_FRAMES)
    info = decode.probe(path)
    frames = list(decode.read_frames(path, info, wanted))
    assert [index for index, _ in frames] == wanted
    assert [_bar(frame) for _, frame in frames] == wanted
    assert all(frame.shape == (96, 128, 3) and frame.dtype == np.uint8 for _, frame in frames)


def test_probe(tmp_path):
    info = decode.probe(_write(tmp_path / "a.mp4", options=B_FRAMES))
    assert (info.num_frames, info.fps, info.height, info.width) == (30, 25.0, 96, 128)
    assert info.seconds(10) == pytest.approx(0.4)


def test_variable_frame_rate(tmp_path):
    stamps = [index + index // 3 for index in range(30)]
    path = _write(tmp_path / "a.mkv", pts=stamps, options=B_FRAMES)
    info = decode.probe(path)
    assert info.seconds(6) == pytest.approx(8 / 25, abs=2e-3)
    assert [_bar(frame) for _, frame in decode.read_frames(path, info, [6, 20])] == [6, 20]


@pytest.mark.parametrize("content", [b"", b"this is no video, only text\n" * 50, b"\0" * 5000])
def test_what_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(decode.VideoError, match=r"cannot be opened|no video"):
        decode.probe(path)


def test_missing_file():
    with pytest.raises(decode.VideoError, match="No such file"):
        decode.probe("/nowhere/a.mp4")


def test_a_frame_that_cannot_be_decoded_is_named(tmp_path):
    path = _write(tmp_path / "a.mkv")
    info = decode.probe(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(decode.VideoError, match=r"frame \d+ of 30 cannot be decoded"):
        list(decode.read_frames(path, info, range(30)))


def test_real_footage_as_opencv_reads_it(shared):
    for name in ("mini_ffpp/original_sequences/youtube/c23/videos/012.mp4", "clips/pwij3p.mpg"):
        path = shared / name
        info = decode.probe(path)
        wanted = list(range(0, info.num_frames, 9))
        ours = dict(decode.read_frames(path, info, wanted))
        capture, index = cv2.VideoCapture(str(path)), 0
        while (read := capture.read())[0]:
            if index in ours:
                np.testing.assert_array_equal(ours[index], read[1][..., ::-1])
            index += 1
        assert index == info.num_frames
