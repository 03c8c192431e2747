"""Behaviour of the intra-only encoder."""

import av
import numpy as np
import pytest

from fdd.video import encode


def _frames(count: int) -> np.ndarray:
    rows, columns = np.mgrid[:64, :80]
    ramps = [
        np.stack([rows * 3, columns * 2 + t, rows + columns + 5 * t], -1) for t in range(count)
    ]
    return np.clip(ramps, 0, 255).astype(np.uint8)


def _decode(path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def test_every_frame_is_a_keyframe_of_full_colour_resolution(tmp_path):
    encode.write_video(tmp_path / "a.mp4", _frames(5), fps=25)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert stream.codec_context.name == "h264"
        assert stream.average_rate == 25
    assert [frame.key_frame for frame in frames] == [True] * 5
    assert {frame.format.name for frame in frames} == {"yuv444p"}


def test_decoded_frames_are_close_to_what_was_given(tmp_path):
    frames = _frames(4)
    encode.write_video(tmp_path / "a.mp4", frames, fps=25, qp=16)
    error = np.abs(_decode(tmp_path / "a.mp4").astype(int) - frames)
    assert error.mean() < 2


def test_a_frame_decodes_alike_wherever_it_stands(tmp_path):
    frames = _frames(6)
    order = np.array([4, 0, 3, 5, 1, 2])
    encode.write_video(tmp_path / "a.mp4", frames, fps=25)
    encode.write_video(tmp_path / "b.mp4", frames[order], fps=25)
    np.testing.assert_array_equal(_decode(tmp_path / "b.mp4"), _decode(tmp_path / "a.mp4")[order])


def test_same_frames_give_same_bytes(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        encode.write_video(tmp_path / name, _frames(3), fps=25)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_coarser_quantiser_gives_a_smaller_file(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    encode.write_video(tmp_path / "fine.mp4", noise, fps=25, qp=10)
    encode.write_video(tmp_path / "coarse.mp4", noise, fps=25, qp=40)
    sizes = [(tmp_path / name).stat().st_size for name in ("fine.mp4", "coarse.mp4")]
    assert sizes[1] < sizes[0] / 2


def test_nothing_is_left_when_the_frames_fail(tmp_path):
    def interrupted():
        yield from _frames(2)
        raise RuntimeError("out of frames")

    with pytest.raises(RuntimeError, match="out of frames"):
        encode.write_video(tmp_path / "a.mp4", interrupted(), fps=25)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "at least one frame"),
        ([np.zeros((64, 64, 3), np.float32)], "uint8"),
        ([np.zeros((64, 64, 3), np.uint8), np.zeros((32, 64, 3), np.uint8)], "64x32"),
    ],
)
def test_unusable_frames_are_refused(tmp_path, frames, message):
    with pytest.raises(ValueError, match=message):
        encode.write_video(tmp_path / "a.mp4", frames, fps=25)
    assert list(tmp_path.iterdir()) == []
