"""Masks that do not fit their video: nothing of the video is lost."""

import csv
import dataclasses
from fractions import Fraction

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from fdd.data import coverage
from fdd.data.catalog import Video
from fdd.data.extraction import extract_group
from fdd.tfds_builders.faceforensics import faceforensics_dataset_builder as module
from fdd.video import decode, encode
from fdd.video.clips import extract_clips
from fdd.video.preprocessing import Preprocessing
from tests.video import numbered
from tests.video.test_clips import _two_people

SPEC = Preprocessing(image_size=32, sampling="consecutive", clips_per_video=2)


@pytest.fixture(scope="module")
def two_people(tree, tmp_path_factory):
    """A video of two people, the larger one on the right, and where the smaller one's mask is."""
    frame = _two_people(tree)
    mask = np.zeros_like(frame)
    mask[20 : frame.shape[0] // 2, 20 : frame.shape[1] // 4] = 255
    path = tmp_path_factory.mktemp("two") / "a.mp4"
    encode.write_video(path, [frame] * 20, fps=25)
    return path, mask


def _cut_off(path, mask):
    """The second half of the file is missing, and its index was at its beginning."""
    encode.write_video(path, [np.roll(mask, 3 * i, axis=1) for i in range(20)], fps=25)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


# Each writes a file that is no proper mask of a video of 20 frames at 25 frames per second.
POINTING = {
    "shorter": lambda p, m: encode.write_video(p, [m] * 3, fps=25),
    "one frame": lambda p, m: encode.write_video(p, [m], fps=25),
    "longer": lambda p, m: encode.write_video(p, [m] * 33, fps=25),
    "other rate": lambda p, m: encode.write_video(p, [m] * 10, fps=Fraction(25, 2)),
    "smaller": lambda p, m: encode.write_video(p, [m[::4, ::4]] * 20, fps=25),
    "larger": lambda p, m: encode.write_video(p, [cv2.resize(m, None, fx=2, fy=2)] * 20, fps=25),
    "dim": lambda p, m: encode.write_video(p, [m // 8] * 20, fps=25),
}
USELESS = {
    "empty": lambda p, m: p.write_bytes(b""),
    "text": lambda p, m: p.write_text("no mask\n" * 50),
    "missing": lambda p, m: None,
    "folder": lambda p, m: p.mkdir(),
    "black": lambda p, m: encode.write_video(p, [0 * m] * 20, fps=25),
    "two pixels": lambda p, m: encode.write_video(p, [0 * m[:2, :2]] * 20, fps=25),
    "cut off": _cut_off,
}


@pytest.mark.parametrize("kind", [*POINTING, *USELESS])
def test_a_mask_that_does_not_fit(two_people, tmp_path, kind):
    video, mask = two_people
    (POINTING | USELESS)[kind](tmp_path / "mask.mp4", mask)
    plain = extract_clips(video, SPEC)
    pointed = extract_clips(video, SPEC, mask=tmp_path / "mask.mp4")
    assert set(pointed.people) == set(plain.people)
    assert not pointed.missing
    if kind not in ("cut off", "two pixels"):  # There it depends on the decoder and the encoder.
        assert bool(pointed.unmasked) == (kind in USELESS)
        assert bool(pointed.mask_lack) == (kind in ("shorter", "one frame"))
    assert not plain.unmasked and not plain.mask_lack
    middle = mask.shape[1] / 2
    assert plain.people[0][0].face.box[0] > middle * 0.8
    if kind in POINTING:
        assert pointed.people[0][0].face.box[2] < middle
    elif kind != "cut off":  # There it depends on what the decoder makes of it.
        assert pointed.people == plain.people


def _moving_light(mask):
    """A mask: a dim light on the larger person in frames 0 to 9, then a bright one on the other.

    With noise, so that damaged bytes are a part of one frame only.
    """
    noise = np.random.default_rng(0).integers(0, 6, (20, *mask.shape), dtype=np.uint8)
    return [np.maximum(noise[i], mask if i >= 10 else mask[:, ::-1] // 8) for i in range(20)]


def test_a_mask_that_is_damaged_in_the_middle_is_read_on_after_it(two_people, tmp_path):
    """The picture of the second clip decides; that of the first cannot be decoded."""
    video, mask = two_people
    path = tmp_path / "mask.mp4"
    options = {"g": "5", "bf": "0", "crf": "18", "coder": "vlc"}
    numbered.write(path, frames=_moving_light(mask), options=options)
    whole = extract_clips(video, SPEC, mask=path)
    assert not whole.unmasked and not whole.mask_lack
    content = bytearray(path.read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    at = start + (end - start) * 3 // 10  # The second of four groups of five frames.
    content[at : at + 300] = np.random.default_rng(1).integers(0, 256, 300, np.uint8).tobytes()
    path.write_bytes(content)
    assert 0 < decode.survey(path).condition.damaged < 10
    damaged = extract_clips(video, SPEC, mask=path)
    assert damaged.people[0][0].face == whole.people[0][0].face
    assert not damaged.unmasked
    assert damaged.mask_lack == "it lacks the frames of 1 of 2 clips"


def test_a_truncated_mask_is_reported(two_people, tmp_path):
    video, mask = two_people
    path = tmp_path / "mask.mp4"
    encode.write_video(path, _moving_light(mask)[:12], fps=25)
    texts = {field.name: "" for field in dataclasses.fields(Video)}
    listed = Video(**texts | {"path": str(video), "mask": str(path)})
    (result,) = extract_group([listed], SPEC)
    assert result.outcome.notes == (
        "by its mask one of several people was taken, but it lacks the frames of 1 of 2 clips, and "
        "the nearest ones were used"
    )


def test_a_useless_mask_is_reported_once(two_people, tmp_path):
    video, _ = two_people
    (tmp_path / "mask.mp4").write_text("no mask")
    texts = {field.name: "" for field in dataclasses.fields(Video)}
    listed = Video(**texts | {"path": str(video), "mask": str(tmp_path / "mask.mp4")})
    outcomes = [result.outcome for result in extract_group([listed], SPEC)]
    assert outcomes[0].notes.startswith("its largest person was taken, the mask says nothing: ")
    assert coverage.noted(outcomes) == (
        "1 video was built with a remark on the file, see failures.csv."
    )
    assert coverage.noted([]) == ""


def test_a_short_mask_in_a_build(shared, tmp_path):
    held = shared / "inputs/ffpp-short-mask"
    if not held.is_dir():
        pytest.skip("needs ../shared/inputs, which is not distributed")
    masks = list(held.rglob("masks/videos/*.mp4"))
    assert decode.probe(masks[0]).num_frames < 50
    config = module.FaceForensicsConfig(methods=("Deepfakes",), image_size=32, clips_per_video=1)
    builder = module.Builder(config=config, data_dir=tmp_path, file_format="array_record")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=held))
    with (builder.data_path / "failures.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["clip_index"] == "file" and "it lacks the frames of 1 of 1 clips" in row["reason"]
    assert builder.info.splits["test"].num_examples == 4
