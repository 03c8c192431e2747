"""Frames that a file lacks without any error."""

import fractions
import random

import av
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from fdd.video import decode, gaps

RATE, COUNT, GROUP = 30, 60, 6


def _write(path, lost=(), times=None):
    """A video of 60 frames, a key frame every 6; packets of `lost` frames are left out."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        codec = "flv1" if path.suffix == ".flv" else "mpeg4"
        stream = container.add_stream(codec, rate=RATE, options={"g": str(GROUP), "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = fractions.Fraction(1, 1000)
        packets = []
        for number in range(COUNT):
            image = rng.integers(0, 256, (48, 64, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts = times[number] if times else round(1000 * number / RATE)
            frame.time_base = stream.time_base
            packets += stream.encode(frame)
        packets += stream.encode()
        for number, packet in enumerate(packets):
            if number not in lost:
                container.mux(packet)


@pytest.mark.parametrize("ending", ["mkv", "flv", "nut", "mp4", "avi", "ts"])
def test_a_healthy_file_lacks_nothing(tmp_path, ending):
    _write(tmp_path / f"a.{ending}")
    assert decode.probe(tmp_path / f"a.{ending}").condition.notes == ()
    assert not any(
        "missing" in note for note in decode.survey(tmp_path / f"a.{ending}").condition.notes
    )


@pytest.mark.parametrize("ending", ["mkv", "flv", "nut"])
def test_frames_that_are_gone_are_counted(tmp_path, ending):
    _write(tmp_path / f"a.{ending}", lost=range(2 * GROUP, 4 * GROUP))
    for read in (decode.probe, decode.survey):
        (note,) = read(tmp_path / f"a.{ending}").condition.notes
        assert note == "12 frames are missing between the others: lost by damage, or never recorded"


def test_a_damaged_matroska_file_says_that_it_lacks_something(tmp_path):
    """A twentieth of its bytes are overwritten: no packet of them is found, and none reports it."""
    _write(tmp_path / "a.mkv")
    data = bytearray((tmp_path / "a.mkv").read_bytes())
    place, count = len(data) // 2, len(data) // 20
    data[place : place + count] = random.Random(0).randbytes(count)
    (tmp_path / "a.mkv").write_bytes(data)
    condition = decode.probe(tmp_path / "a.mkv").condition
    assert condition.damaged or any("missing" in n or "declares" in n for n in condition.notes)


def test_a_file_without_an_index_that_shows_less_than_it_declares(tmp_path):
    _write(tmp_path / "a.flv")
    data = (tmp_path / "a.flv").read_bytes()
    (tmp_path / "a.flv").write_bytes(data[: len(data) // 2])
    notes = decode.probe(tmp_path / "a.flv").condition.notes
    assert any(note.startswith("it declares 2.0 seconds and shows 0.") for note in notes)


def test_a_variable_rate_has_no_gaps(tmp_path):
    rng = random.Random(1)
    times = [0]
    while len(times) < COUNT:
        times.append(times[-1] + rng.choice((20, 33, 50, 80, 120)))
    _write(tmp_path / "a.mkv", times=times)
    assert decode.probe(tmp_path / "a.mkv").condition.notes == ()


@hypothesis.given(
    usual=st.integers(3, 1001),
    lost=st.lists(st.integers(0, 5), min_size=12, max_size=60),
    jitter=st.randoms(use_true_random=False),
)
def test_what_is_lost_is_counted_whatever_the_rate(usual, lost, jitter):
    """At most every tenth distance has a gap; stamps are off by up to a tenth of a distance."""
    lost = [count if place % 10 == 0 else 0 for place, count in enumerate(lost)]
    exact = np.cumsum([0, *(usual * (1 + count) for count in lost)])
    stamps = [int(stamp) + jitter.randint(0, usual // 10) for stamp in exact]
    assert gaps.missing(stamps) == sum(lost)
