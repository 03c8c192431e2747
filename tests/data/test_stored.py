"""DeepfakeBench's stored frames, from pictures to a data set and a detector."""

import dataclasses
import json
import shutil

import cv2
import pytest

from fdd import audit
from fdd.errors import UserError
from fdd.inference.detector import Detector
from fdd.video import clips, decode
from fdd.video.decode import VideoError
from fdd.video.preprocessing import Preprocessing
from tests.data.test_layouts import _build


def _store(video, folder, numbers):
    """The video's frames as pictures, as DeepfakeBench has them, with these numbers."""
    folder.mkdir(parents=True)
    info = decode.probe(video)
    for number, (_, frame) in zip(
        numbers, decode.read_frames(video, info, range(len(numbers))), strict=True
    ):
        picture = cv2.resize(frame[..., ::-1], (64, 64), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture)


STORED = {"region": "stored", "sampling": "consecutive", "clips_per_video": 2, "num_frames": 5}


@pytest.fixture(scope="module")
def stored(pair, tmp_path_factory):
    """A tree of stored frames; the fake lacks one of its original's."""
    root = tmp_path_factory.mktemp("stored")
    real, fake = pair
    numbers = [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 99, 102]
    _store(real, root / f"original_sequences/youtube/c23/frames/{real.stem}", numbers)
    place = root / f"manipulated_sequences/Deepfakes/c23/frames/{fake.stem}"
    _store(fake, place, numbers)
    (place / "006.png").unlink()
    return root


def test_stored_frames_are_built(stored, tmp_path, capsys):
    dataset = _build(stored, tmp_path, **STORED)
    rows = [row for split in dataset.splits for row in dataset.metadata(split)]
    indices = {(row["method"], row["clip_index"]): row["frame_indices"].tolist() for row in rows}
    # In numeric order, 99 before 102, of the frames that both have; and the same of both.
    assert indices == {
        ("youtube", 0): [0, 3, 9, 12, 15],
        ("Deepfakes", 0): [0, 3, 9, 12, 15],
        ("youtube", 1): [21, 24, 27, 99, 102],
        ("Deepfakes", 1): [21, 24, 27, 99, 102],
    }
    for row in rows:
        assert row["crop_box"].tolist() == [0, 0, 64, 64]
        assert row["face_score"] == 0
        assert len(row["file_sha256"]) == 64
    assert dataset.preprocessing["region"] == "stored"
    assert dataset.preprocessing["spacing"] == "as stored"
    assert dataset.preprocessing["detector"] is None
    assert "is recognised as DeepfakeBench's tree of frames." in capsys.readouterr().out


def test_their_splits_are_written_with_the_frames(stored, tmp_path):
    dataset, file = _build(stored, tmp_path, **STORED), tmp_path / "splits.json"
    audit.main([str(dataset.folder), f"--splits_json={file}"])
    labels = json.loads(file.read_text())["FaceForensics++"]
    for label, kind in (("FF-real", "original"), ("FF-DF", "manipulated")):
        (split,) = labels[label].values()
        (entry,) = split["c23"].values()
        paths = [str(path.relative_to(stored)) for path in stored.glob(f"{kind}*/**/*.png")]
        assert sorted(entry["frames"]) == sorted(f"FaceForensics++/{path}" for path in paths)
        assert entry["frames"][-1].endswith("/102.png")


def test_stored_frames_have_another_fingerprint():
    spec = Preprocessing(**STORED)
    whole = dataclasses.replace(spec, region="full_frame", spacing=0.0)
    assert spec.fingerprint() != whole.fingerprint()
    # What does not come into it changes nothing.
    same = dataclasses.replace(spec, spacing=0.5, margin=2.0)
    assert (same.fingerprint(), same.name()) == (spec.fingerprint(), spec.name())


def test_videos_and_stored_frames_are_not_mixed(stored, pair):
    spec = Preprocessing(**STORED)
    with pytest.raises(VideoError, match="a video file, but region=stored reads only folders"):
        clips.extract_clips(pair[0], spec)
    frames = next(stored.glob("original_sequences/youtube/c23/frames/*"))
    with pytest.raises(VideoError, match="a folder of frames, which only region=stored reads"):
        clips.extract_clips(frames, dataclasses.replace(spec, region="full_frame"))


def test_a_detector_of_stored_frames_classifies_no_video(finished, pair):
    loaded = Detector.load(finished)
    config = loaded.config.copy_and_resolve_references()
    config.data.region = "stored"
    fingerprint = Preprocessing.of(config.data).fingerprint()
    detector = dataclasses.replace(loaded, config=config, fingerprint=fingerprint)
    with pytest.raises(UserError, match="no video can be cut in the same way"):
        detector.predict(pair[0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: (f / "006.png").write_bytes(b"no picture"), "the frame 006.png cannot be read"),
        (lambda f: shutil.copy(f / "003.png", f / "3.png"), "003.png and 3.png are the same frame"),
        (lambda f: [p.unlink() for p in f.iterdir()], "no frames"),
        (lambda f: [p.unlink() for p in f.glob("0*")], "1 frames, fewer than a clip's 5"),
        (
            lambda f: cv2.imwrite(str(f / "003.png"), cv2.imread(str(f / "003.png"))[:50]),
            "the frame 003.png has 64×50 pixels, the first 64×64",
        ),
    ],
)
def test_damaged_stored_frames(stored, tmp_path, change, reason):
    frames = next(stored.glob("original_sequences/youtube/c23/frames/*"))
    change(shutil.copytree(frames, tmp_path / "000"))
    with pytest.raises(VideoError, match=reason):
        clips.extract_clips(tmp_path / "000", Preprocessing(**STORED))
