import dataclasses
import errno

import av
import pytest

from fdd.data.catalog import Video
from fdd.data.extraction import extract_group
from fdd.video import decode, encode
from fdd.video.clips import extract_clips
from fdd.video.preprocessing import Preprocessing
from tests.video import families, numbered

SPEC = Preprocessing(image_size=32, sampling="consecutive", clips_per_video=3)
SPECS = {
    "consecutive": SPEC,
    "uniform": dataclasses.replace(SPEC, sampling="uniform", clips_per_video=1),
    "counted": dataclasses.replace(SPEC, spacing=0.0),
}


def _video(path, label="fake"):
    return Video(
        path=str(path),
        label=label,
        method=path.stem,
        name=path.stem,
        target="000",
        source="",
        split="train",
        compression="c23",
    )


def _write(folder, target, source, methods=tuple(families.LENGTHS), original=True):
    videos = []
    if original:
        families.write_original(folder / "youtube.mp4", target)
        videos.append(_video(folder / "youtube.mp4", "real"))
    for method in methods:
        families.write_fake(folder / f"{method}.mp4", method, target, source)
        videos.append(_video(folder / f"{method}.mp4"))
    return videos


def _placed(result):
    """Positions of the frames and the crop of each clip."""
    extraction = result.extraction
    assert extraction, result.error
    return {
        clip.index: (tuple(map(extraction.info.position, clip.frame_indices)), clip.crop)
        for clip in extraction.people[0]
    }


def _same(results):
    """Checks that all clips are equal, and returns them."""
    first = _placed(results[0])
    for result in results:
        assert _placed(result) == first, result.video.name
        assert not result.extraction.unshared
        assert not result.outcome.unshared
    return first


@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("source", [24, 32, 40], ids=["longer", "equal", "shorter"])
def test_fakes_of_every_length_are_cropped_as_their_original(tmp_path, source, kind):
    """The target has 32 frames; in none of the clips it is another frame that a fake shows."""
    spec, target = SPECS[kind], 32
    results = extract_group(_write(tmp_path, target, source), spec)
    clips = _same(results)
    assert len(clips) == spec.clips_per_video
    last = max(position for positions, _ in clips.values() for position in positions)
    assert last < min(target, source)
    seconds = [index / 25 for index in range(min(target, source))]
    assert {n: frames for n, (frames, _) in clips.items()} == spec.plan(seconds).clips


def test_nothing_beyond_the_target_though_only_face2face_is_longer(tmp_path):
    """Its footage runs backwards from the 24th frame on."""
    results = extract_group(_write(tmp_path, 24, 60, ["Face2Face"]), SPEC)
    assert results[1].extraction.info.num_frames == 60
    assert max(max(frames) for frames, _ in _same(results).values()) == 23


def test_fakes_whose_original_is_not_held_share(tmp_path):
    methods = ["Face2Face", "FaceSwap", "Deepfakes"]
    results = extract_group(_write(tmp_path, 32, 25, methods, original=False), SPEC)
    assert max(max(frames) for frames, _ in _same(results).values()) == 24


def test_equal_lengths_are_cut_as_each_would_be_by_itself(tmp_path):
    videos = _write(tmp_path, 32, 32, ["FaceSwap"])
    original, fake = extract_group(videos, SPEC)
    alone = extract_clips(videos[0].path, SPEC)
    assert original.extraction == alone
    assert fake.extraction == extract_clips(videos[1].path, SPEC, alone)


def test_a_fake_of_another_rate_is_placed_by_its_frames(tmp_path):
    families.write_original(tmp_path / "a.mp4", 40)
    families.write_fake(tmp_path / "b.mp4", "FaceSwap", 40, 30, fps=50)
    videos = [_video(tmp_path / "a.mp4", "real"), _video(tmp_path / "b.mp4")]
    clips = _same(extract_group(videos, SPEC))
    assert [frames[0] for frames, _ in clips.values()] == [0, 10, 20]


def test_a_fake_of_another_size_is_named_and_of_the_same_frames(tmp_path):
    videos = _write(tmp_path, 32, 28, ["FaceSwap"])
    frames = [families.frame(index)[8:-8] for index in range(30)]
    encode.write_video(tmp_path / "Other.mp4", frames, fps=25)
    results = extract_group([*videos, _video(tmp_path / "Other.mp4")], SPEC)
    _same(results[:2])
    outcome = results[2].outcome
    assert outcome.unshared
    assert "160×144 pixels, its original's 160×160" in outcome.notes
    ours, first = _placed(results[2]), _placed(results[0])
    assert {n: frames for n, (frames, _) in ours.items()} == {
        n: frames for n, (frames, _) in first.items()
    }
    assert ours != first


@pytest.mark.parametrize("worst", ["short", "not a video", "missing"])
def test_a_video_without_clips_does_not_affect_the_others(tmp_path, worst):
    videos = _write(tmp_path, 32, 32, ["FaceSwap"])
    path = tmp_path / "bad.mp4"
    if worst == "short":
        families.write_fake(path, "FaceSwap", 32, 9)
    elif worst == "not a video":
        path.write_bytes(b"no video" * 99)
    results = extract_group([videos[0], _video(path), videos[1]], SPEC)
    assert results[1].error
    assert [frames[0] for frames, _ in _same(results[::2]).values()] == [0, 11, 22]


def test_a_video_that_cannot_be_read_at_first_is_listed(tmp_path, monkeypatch):
    """Such as a network error: its own clips would differ from those of the family."""
    videos, failed = _write(tmp_path, 32, 24, ["Face2Face", "FaceSwap"], original=False), []
    shorter = videos[1].path

    def probe(path):
        if path == shorter and not failed:
            failed.append(path)
            raise OSError(errno.EIO, "Input/output error")
        return real(path)

    real = decode.probe
    monkeypatch.setattr(decode, "probe", probe)
    first, second = extract_group(videos, SPEC)
    assert first.extraction and first.error == ""
    assert second.extraction is None
    assert second.error == "OSError: [Errno 5] Input/output error"


@pytest.mark.parametrize("which", ["original", "fake"])
@pytest.mark.parametrize(
    ("codec", "container"), [("libx264", "mp4"), ("mpeg4", "mp4"), ("mpeg4", "matroska")]
)
def test_damage_shifts_nothing(tmp_path, codec, container, which):
    """Bytes in the middle are overwritten, which shows only when the frames are decoded.

    The two files hold the same frames, so that their clips are the same if nothing is shifted.
    """
    frames = [families.frame(index) for index in range(48)]
    options = {"g": "4", "bf": "0", "crf": "18", "qmin": "2", "qmax": "2", "coder": "vlc"}
    paths = {name: tmp_path / f"{name}.{container}" for name in ("original", "fake")}
    for path in paths.values():
        numbered.write(path, codec, container, frames=frames, options=options)
    content = bytearray(paths[which].read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    paths[which].write_bytes(content)
    videos = [_video(paths["original"], "real"), _video(paths["fake"])]
    results = extract_group(videos, SPEC)
    assert [bool(result.outcome.damaged) for result in results] == [
        which == "original", which == "fake",
    ]  # fmt: skip
    clips = _same(results)
    assert len(clips) >= 2
    assert max(max(positions) for positions, _ in clips.values()) == 47
    original, fake = (result.extraction.people[0] for result in results)
    assert [clip.frames for clip in original] == [clip.frames for clip in fake]


def test_a_fake_that_ends_early_takes_the_family_along(tmp_path):
    frames = [families.frame(index) for index in range(48)]
    for name in ("original", "fake"):
        numbered.write(tmp_path / f"{name}.mkv", "libx264", frames=frames, options={"g": "4"})
    content = (tmp_path / "fake.mkv").read_bytes()
    (tmp_path / "fake.mkv").write_bytes(content[: len(content) * 3 // 4])
    videos = [_video(tmp_path / "original.mkv", "real"), _video(tmp_path / "fake.mkv")]
    results = extract_group(videos, SPEC)
    assert "the file is incomplete" in results[1].outcome.notes
    last = max(max(positions) for positions, _ in _same(results).values())
    assert last == results[1].extraction.info.num_frames - 1 < 47


def test_a_frame_that_is_not_decoded_is_counted(tmp_path):
    """A packet without its contents, which the decoder refuses: later frames keep their numbers."""
    frames = [numbered.frame(index) for index in range(20)]
    whole = numbered.write(tmp_path / "a.mkv", "libx264", frames=frames, options={"g": "1"})
    with av.open(str(whole)) as source, av.open(str(tmp_path / "b.mkv"), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size:
                if number == 7:
                    broken = av.Packet(b"\0\0\0\1\x65")
                    broken.pts, broken.dts = packet.pts, packet.dts
                    broken.time_base = packet.time_base
                    packet = broken
                packet.stream = stream
                out.mux(packet)
    info = decode.survey(tmp_path / "b.mkv")
    assert info.condition.damaged >= 1
    read = decode.read_frames(tmp_path / "b.mkv", info, range(info.num_frames))
    numbers = [numbered.number(image) for _, image in read]
    assert 7 not in numbers
    assert numbers == [info.position(index) for index in range(info.num_frames)]


def test_each_video_is_probed_and_decoded_once(tmp_path, monkeypatch):
    seen = []
    for name in ("probe", "read_frames", "survey"):
        real = getattr(decode, name)

        def counted(path, *rest, name=name, real=real):
            seen.append((name, str(path)))
            return real(path, *rest)

        monkeypatch.setattr(decode, name, counted)
    videos = _write(tmp_path, 32, 24, ["Face2Face", "FaceSwap"])
    extract_group(videos, SPEC)
    paths = [video.path for video in videos]
    wanted = [(name, path) for name in ("probe", "read_frames") for path in paths]
    assert sorted(seen) == sorted(wanted)
