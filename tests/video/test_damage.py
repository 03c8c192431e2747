"""Damaged files: undamaged frames are used, damaged ones are left out and counted."""

import concurrent.futures
import pickle

import numpy as np
import pytest

from fdd.video import decode
from fdd.video.clips import extract_clips
from fdd.video.preprocessing import Preprocessing
from tests.video import numbered

SPEC = Preprocessing(image_size=64, sampling="consecutive", clips_per_video=2)


def _overwritten(path, place, count=300):
    """Random bytes over a part of the coded pictures, at a fraction of them."""
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4 if b"mdat" in content else len(content) // 20
    end = content.index(b"moov") - 4 if b"mdat" in content else len(content)
    first = start + int(place * (end - start))
    noise = np.random.default_rng(0).integers(0, 256, count, dtype=np.uint8)
    content[first : first + count] = noise.tobytes()
    path.write_bytes(content)
    return path


def _noisy(count):
    """Numbered frames with noise, so that 300 bytes are a part of one frame only."""
    noise = np.random.default_rng(0).integers(-20, 20, (count, 64, 128, 3))
    return [
        np.clip(numbered.frame(index) + noise[index], 0, 255).astype(np.uint8)
        for index in range(count)
    ]


@pytest.mark.parametrize(
    ("codec", "container", "options"),
    [
        ("libx264", "mp4", {"g": "10", "bf": "2", "crf": "18", "coder": "vlc"}),
        ("libx264", "mpegts", {"g": "10", "bf": "0", "crf": "18", "coder": "vlc"}),
        ("mpeg2video", "matroska", {"g": "10", "qmin": "3", "qmax": "3"}),
        ("mpeg4", "mp4", {"g": "10", "qmin": "3", "qmax": "3"}),
        ("mpeg4", "avi", {"g": "10", "qmin": "3", "qmax": "3"}),
    ],
)
@pytest.mark.parametrize("place", [0.4, 0.6])
def test_bad_bytes_lose_only_the_frames_they_are_in(tmp_path, codec, container, options, place):
    """Of 40 frames in groups of ten, one or two groups are lost; the other frames are unchanged.

    Codes of variable length, in which a decoder notices random bytes.
    """
    frames = _noisy(40)
    path = tmp_path / "a"
    numbered.write(path, codec, container, frames=frames, options=options)
    info = decode.survey(path)
    before = [frame for _, frame in decode.read_frames(path, info, range(info.num_frames))]
    assert [numbered.number(frame) for frame in before] == list(range(40))
    assert not info.condition.clauses()
    _overwritten(path, place)
    info, numbers = numbered.readable(path)
    assert 20 <= len(numbers) < 40
    assert numbers == sorted(set(numbers))
    # Packets that the bytes made unrecognisable are not even counted.
    assert 0 < info.condition.damaged <= 40 - len(numbers)
    for index, frame in decode.read_frames(path, info, range(info.num_frames)):
        np.testing.assert_array_equal(frame, before[numbers[index]])


def test_a_gap_of_lost_frames_shows_in_their_times(tmp_path):
    path = tmp_path / "a.mp4"
    numbered.write(path, frames=_noisy(40), options={"g": "10", "bf": "0", "coder": "vlc"})
    info, numbers = numbered.readable(_overwritten(path, 0.5))
    seconds = [info.seconds(index) for index in range(info.num_frames)]
    assert seconds == pytest.approx([(number - numbers[0]) / 25 for number in numbers])


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
def test_a_transport_stream_that_begins_between_key_frames(tmp_path, codec):
    """It is cut at the start of a packet of 188 bytes, like a recording that starts at any time."""
    path = tmp_path / "a.ts"
    options = {"g": "15", "bf": "2", "b": "3M", "x265-params": "keyint=15:log-level=none"}
    numbered.write(path, codec, "mpegts", frames=_noisy(45), options=options)
    info = decode.survey(path)
    before = [frame for _, frame in decode.read_frames(path, info, range(info.num_frames))]
    content = path.read_bytes()
    path.write_bytes(content[188 * (len(content) // 188 // 6) :])
    info, numbers = numbered.readable(path)
    assert numbers == list(range(numbers[0], 45))
    assert 5 < numbers[0] < 20
    assert info.condition.damaged > 0
    for index, frame in decode.read_frames(path, info, range(info.num_frames)):
        np.testing.assert_array_equal(frame, before[numbers[index]])


def test_cut_off_with_an_index(tmp_path):
    path = tmp_path / "a.mp4"
    options = {"movflags": "faststart"}
    numbered.write(path, frames=_noisy(40), options={"g": "10", "bf": "0"})
    moved = _index_first(path, tmp_path / "b.mp4", options)
    content = moved.read_bytes()
    moved.write_bytes(content[: len(content) * 6 // 10])
    info, numbers = numbered.readable(moved)
    assert info.condition.incomplete
    assert 10 < len(numbers) < 30
    assert numbers == list(range(len(numbers)))
    assert any("download it again" in clause for clause in info.condition.clauses())


def _index_first(source, path, options):
    import av

    with av.open(str(source)) as file, av.open(str(path), "w", options=options) as out:
        stream = out.add_stream_from_template(file.streams.video[0])
        for packet in file.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    return path


def test_a_damaged_file_gives_the_same_each_time_and_in_each_thread(tmp_path):
    path = numbered.write(tmp_path / "a.mp4", frames=_noisy(40), options={"g": "10"})
    path = _index_first(path, tmp_path / "b.mp4", {"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(decode.survey, [path] * 100))
    assert set(found) == {found[0]}


@pytest.mark.parametrize("container", ["matroska", "avi", "mp4", "asf"])
def test_cut_off(tmp_path, container):
    path = tmp_path / "a"
    codec = "mpeg4" if container in ("avi", "asf") else "libx264"
    options = {"g": "10", "qmin": "3", "qmax": "3"} if codec == "mpeg4" else {"g": "10", "bf": "0"}
    numbered.write(path, codec, container, frames=_noisy(40), options=options)
    whole = decode.probe(path)
    assert not whole.condition.incomplete
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    if container == "mp4":  # Its index is at the end.
        with pytest.raises(decode.IncompleteError, match="incomplete, it ends early; download it"):
            decode.probe(path)
        return
    info, numbers = numbered.readable(path)
    assert info.condition.incomplete
    assert numbers == list(range(len(numbers)))
    assert 10 < len(numbers) < 40


def test_too_few_whole_frames(tmp_path):
    options = {"g": "250", "bf": "0", "sc_threshold": "0", "coder": "vlc"}
    path = numbered.write(tmp_path / "a.mp4", frames=_noisy(40), options=options)
    _overwritten(path, 0.1)
    with pytest.raises(decode.DamagedError, match=r"only \d frames, fewer than a clip's 10") as e:
        extract_clips(path, SPEC)
    assert e.value.condition.damaged > 30
    again = pickle.loads(pickle.dumps(e.value))  # Workers hand it over.
    assert again.condition == e.value.condition


def test_clips_of_a_damaged_file_hold_whole_frames_only(tree, tmp_path):
    """Damage over the sizes of several coded pictures, which no decoder passes over.

    The coder's output differs by some bytes from run to run, so the place alone decides nothing.
    """
    source = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[0]
    info = decode.probe(source)
    frames = [frame for _, frame in decode.read_frames(source, info, range(20))] * 3
    path = tmp_path / "a.mp4"
    numbered.write(
        path, pix_fmt="yuv444p", frames=frames, options={"g": "15", "crf": "10", "coder": "vlc"}
    )
    whole = extract_clips(path, SPEC)
    found = extract_clips(_overwritten(path, 0.45, 6000), SPEC)
    assert 0 < found.info.condition.damaged <= 30
    assert found.info.num_frames + found.info.condition.damaged == 60
    assert found.people[0][0].frames == whole.people[0][0].frames  # Before the damage.
    assert len(found.people[0]) == 2


@pytest.mark.parametrize(
    ("name", "frames", "damaged", "incomplete"),
    [
        ("bad-sector/bad_sector.mp4", 28, None, False),
        ("ts-mid-gop/ts_midgop.ts", 50, 22, False),
        ("ts-mid-gop/hevc_cut.ts", 55, None, False),
        ("truncated/truncated40.mp4", 19, None, True),
    ],
)
def test_real_footage(shared, name, frames, damaged, incomplete):
    path = shared / "inputs" / name
    if not path.is_file():
        pytest.skip("needs ../shared/inputs")
    info = extract_clips(path, SPEC).info
    assert info.num_frames >= frames
    assert info.condition.damaged == damaged or (damaged is None and info.condition.damaged > 0)
    assert info.condition.incomplete == incomplete


def test_real_footage_without_an_index(shared):
    path = shared / "inputs/truncated/truncated_nomoov.mp4"
    if not path.is_file():
        pytest.skip("needs ../shared/inputs")
    with pytest.raises(decode.IncompleteError, match="download it again"):
        extract_clips(path, SPEC)
