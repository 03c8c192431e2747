import dataclasses
import fractions
import io

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from fdd.video import decode, encode
from fdd.video.clips import extract_clips
from fdd.video.crops import decode_jpegs
from fdd.video.decode import VideoError
from fdd.video.extraction import TooSlowError
from fdd.video.preprocessing import Preprocessing
from tests.video.drawn import drawn_face

SPEC = Preprocessing(image_size=64, sampling="consecutive", clips_per_video=2)


def _original(tree):
    return next(iter(sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))))


def _decoded(clip):
    return np.stack([np.asarray(Image.open(io.BytesIO(jpeg))) for jpeg in clip.frames])


def test_a_drawn_head_gives_clips_of_its_face(tree):
    extraction = extract_clips(_original(tree), SPEC)
    (person,) = extraction.people
    assert [clip.frame_indices for clip in person] == [tuple(range(10)), tuple(range(10, 20))]
    assert not extraction.missing
    for clip in person:
        frames = _decoded(clip)
        assert frames.shape == (10, 64, 64, 3)
        (x0, y0, x1, y1), face = clip.crop, clip.face.box
        assert x1 - x0 == y1 - y0
        assert x1 - x0 == pytest.approx(1.3 * max(face[2] - face[0], face[3] - face[1]), abs=1)
        assert x0 < face[0] and y0 < face[1] and x1 > face[2] and y1 > face[3]


def test_a_fake_is_cropped_as_its_original(tree):
    original = _original(tree)
    reference = extract_clips(original, SPEC)
    pattern = f"manipulated_sequences/*/c23/videos/{original.stem}_*.mp4"
    fakes = sorted(tree.glob(pattern))
    assert len(fakes) == 3
    for fake in fakes:
        extraction = extract_clips(fake, SPEC, reference)
        assert [clip.crop for clip in extraction.people[0]] == [
            clip.crop for clip in reference.people[0]
        ]


def test_full_frame_keeps_everything(tree):
    spec = dataclasses.replace(SPEC, region="full_frame", clips_per_video=1, sampling="first")
    ((clip,),) = extract_clips(_original(tree), spec).people
    assert clip.face is None
    assert clip.crop[:2] == (0, 0)
    assert _decoded(clip).shape == (10, 64, 64, 3)


def test_a_crop_reaches_over_the_border(tmp_path):
    """A face at the frame's edge is centred too; the border is repeated outwards."""
    spec = dataclasses.replace(SPEC, margin=6.0, clips_per_video=1)
    frame = drawn_face()
    encode.write_video(tmp_path / "a.mp4", [frame] * 10, fps=25)
    ((clip,),) = extract_clips(tmp_path / "a.mp4", spec).people
    assert clip.crop[0] < 0 and clip.crop[2] > frame.shape[1]
    assert _decoded(clip).shape == (10, 64, 64, 3)


def test_no_face(tmp_path):
    frames = [np.full((128, 128, 3), 90, np.uint8)] * 20
    encode.write_video(tmp_path / "a.mp4", frames, fps=25)
    with pytest.raises(VideoError, match="no face found in any of 2 clips"):
        extract_clips(tmp_path / "a.mp4", SPEC)


def test_too_short(tmp_path):
    encode.write_video(tmp_path / "a.mp4", [np.zeros((128, 128, 3), np.uint8)] * 9, fps=25)
    with pytest.raises(VideoError, match="9 frames, fewer than a clip's 10"):
        extract_clips(tmp_path / "a.mp4", SPEC)


def test_a_video_is_refused_by_its_times_before_a_frame_of_it_is_decoded(tree, monkeypatch):
    def refuse(info):
        raise VideoError(f"{info.num_frames} frames are too many")

    monkeypatch.setattr(decode, "read_frames", None)
    with pytest.raises(VideoError, match="20 frames are too many"):
        extract_clips(_original(tree), Preprocessing(image_size=32), check=refuse)


def test_a_video_too_slow_for_the_grid(tmp_path):
    encode.write_video(tmp_path / "a.mp4", [drawn_face()] * 20, fps=fractions.Fraction(25, 2))
    with pytest.raises(
        TooSlowError, match=r"0\.08 seconds pass .* at least 23\.8 frames per second"
    ):
        extract_clips(tmp_path / "a.mp4", SPEC)
    counted = dataclasses.replace(SPEC, spacing=0.0)
    ((first, _),) = extract_clips(tmp_path / "a.mp4", counted).people
    assert first.seconds == pytest.approx(np.arange(10) / 12.5)


def test_a_fast_video_is_cut_in_time_and_its_fake_at_the_same_frames(tmp_path):
    """The fake was coded again as if it had another frame rate, as some of FaceForensics++ are."""
    encode.write_video(tmp_path / "a.mp4", [drawn_face()] * 60, fps=60)
    encode.write_video(tmp_path / "fake.mp4", [drawn_face()] * 60, fps=30)
    original = extract_clips(tmp_path / "a.mp4", SPEC)
    ((first, second),) = original.people
    assert first.frame_indices == (0, 2, 5, 7, 10, 12, 14, 17, 19, 22)
    assert first.seconds == pytest.approx(np.arange(10) / 25, abs=1 / 120 + 1e-4)
    assert second.frame_indices[-1] == 59
    fake = extract_clips(tmp_path / "fake.mp4", SPEC, original)
    assert [c.frame_indices for c in fake.people[0]] == [
        c.frame_indices for c in original.people[0]
    ]
    assert [c.crop for c in fake.people[0]] == [c.crop for c in original.people[0]]


def test_a_clip_across_a_gap_is_named_and_the_others_are_there(tmp_path):
    """Twenty frames, five seconds without any, twenty frames."""
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 192, "yuv420p"
        stream.codec_context.time_base = fractions.Fraction(1, 25)
        for stamp in (*range(20), *range(145, 165)):
            frame = av.VideoFrame.from_ndarray(drawn_face(), format="rgb24")
            frame.pts, frame.time_base = stamp, fractions.Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    spec = dataclasses.replace(SPEC, clips_per_video=5)
    extraction = extract_clips(path, spec)
    assert extraction.num_clips == len(extraction.people[0]) + len(extraction.missing) == 4
    assert set(extraction.missing.values()) == {
        "5.04 seconds pass between two of its frames, which should be 0.04 apart"
    }


def test_a_stream_without_time_stamps_says_what_is_assumed(tmp_path):
    """A raw H.264 stream."""
    encode.write_video(tmp_path / "a.mp4", [drawn_face()] * 20, fps=25)
    assert extract_clips(tmp_path / "a.mp4", SPEC).info.condition.notes == ()
    with av.open(str(tmp_path / "a.h264"), "w", format="h264") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 192, "yuv420p"
        for _ in range(20):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(drawn_face(), format="rgb24")))
        out.mux(stream.encode())
    notes = extract_clips(tmp_path / "a.h264", SPEC).info.condition.notes
    assert notes == ("it holds no time stamps, 25 frames per second are assumed",)


def test_clips_without_a_face_are_named(tmp_path):
    frames = [np.full((192, 192, 3), 90, np.uint8)] * 10 + [drawn_face()] * 10
    encode.write_video(tmp_path / "a.mp4", frames, fps=25)
    extraction = extract_clips(tmp_path / "a.mp4", SPEC)
    assert [clip.index for clip in extraction.people[0]] == [1]
    assert dict(extraction.missing) == {0: "no face found in the clip"}


def _two_people(tree):
    """A frame with a large face on the right and the same one, smaller, on the left."""
    path = _original(tree)
    _, face = next(decode.read_frames(path, decode.probe(path), [0]))
    height, width = face.shape[:2]
    frame = np.full((height, 2 * width, 3), 200, np.uint8)
    frame[:, width:] = face
    small = cv2.resize(face, (width * 2 // 3, height * 2 // 3))
    frame[: small.shape[0], : small.shape[1]] = small
    return frame


def test_two_people_are_kept_apart_and_the_larger_is_first(tree, tmp_path):
    frame = _two_people(tree)
    width = frame.shape[1] // 2
    encode.write_video(tmp_path / "a.mp4", [frame] * 20, fps=25)
    people = extract_clips(tmp_path / "a.mp4", SPEC).people
    assert [[clip.index for clip in person] for person in people] == [[0, 1], [0, 1]]
    large, small = people[0][0].face, people[1][0].face
    assert large.area > small.area
    assert small.box[2] < width < large.box[0] + 0.2 * width


def test_a_mask_decides_between_two_people(tree, tmp_path):
    frame = _two_people(tree)
    height, width = frame.shape[0], frame.shape[1] // 2
    mask = np.zeros_like(frame)
    mask[20 : height // 2, 20 : width // 2] = 255
    encode.write_video(tmp_path / "a.mp4", [frame] * 20, fps=25)
    encode.write_video(tmp_path / "mask.mp4", [mask] * 20, fps=25)
    plain = extract_clips(tmp_path / "a.mp4", SPEC)
    pointed = extract_clips(tmp_path / "a.mp4", SPEC, mask=tmp_path / "mask.mp4")
    assert plain.people[0][0].face.box[0] > width / 2
    assert pointed.people[0][0].face.box[2] < width
    assert set(pointed.people) == set(plain.people)
    missing = extract_clips(tmp_path / "a.mp4", SPEC, mask=tmp_path / "none.mp4")
    assert missing.people == plain.people


def test_fingerprint_tells_preprocessing_apart():
    changed = [
        {"region": "full_frame"},
        {"margin": 1.4},
        {"image_size": 65},
        {"num_frames": 9},
        {"sampling": "uniform"},
        {"clips_per_video": 3},
        {"spacing": 0.0},
        {"jpeg_quality": 90},
    ]
    fingerprints = {dataclasses.replace(SPEC, **change).fingerprint() for change in changed}
    assert len(fingerprints | {SPEC.fingerprint()}) == 9
    assert dataclasses.replace(SPEC).fingerprint() == SPEC.fingerprint()


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": "nose"},
        {"image_size": 0},
        {"sampling": "some"},
        {"spacing": -1},
        {"jpeg_quality": 101},
    ],
)
def test_wrong_settings(wrong):
    with pytest.raises(ValueError):
        Preprocessing(**wrong)


def test_every_real_video_shows_a_face(shared):
    videos = sorted((shared / "mini_ffpp").rglob("*.mp4"))
    assert len(videos) == 48
    for path in videos:
        extract_clips(path, Preprocessing())


def test_real_clips(shared):
    half = extract_clips(shared / "clips/face_noface.mov", SPEC)
    assert [clip.index for clip in half.people[0]] == [0]
    with pytest.raises(VideoError, match="no face"):
        extract_clips(shared / "clips/no_face.mp4", SPEC)


def _jpeg(size: int, colour: int) -> bytes:
    return cv2.imencode(".jpg", np.full((size, size, 3), colour, np.uint8))[1].tobytes()


def test_frames_are_decoded_to_a_given_place():
    out = np.zeros((2, 16, 16, 3), np.uint8)
    assert decode_jpegs([_jpeg(16, 50), _jpeg(16, 200)], out) is out
    assert out.mean(axis=(1, 2, 3)).tolist() == pytest.approx([50, 200], abs=1)


def test_frames_are_decoded_as_opencv_decodes_them():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (5, 9, 13, 3), np.uint8)
    frames = [cv2.resize(frame, (97, 71)) for frame in coarse]
    images = [
        cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        for frame, quality in zip(frames, (20, 50, 80, 95, 100), strict=True)
    ]
    expected = [cv2.imdecode(image, cv2.IMREAD_COLOR_RGB) for image in images]
    np.testing.assert_array_equal(decode_jpegs([image.tobytes() for image in images]), expected)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([_jpeg(16, 50)], "1 frames, not 2"),
        ([_jpeg(16, 50), _jpeg(1, 50)], r"shape \(1, 1, 3\), not \(16, 16, 3\)"),
        ([_jpeg(16, 50), _jpeg(32, 50)], "too small to decode"),
        ([_jpeg(16, 50), _jpeg(16, 50)[:-40]], "a frame cannot be decoded"),
        ([_jpeg(16, 50), b"GIF89a"], "a frame cannot be decoded"),
    ],
)
def test_frames_that_do_not_fill_their_place(images, message):
    with pytest.raises(ValueError, match=message):
        decode_jpegs(images, np.zeros((2, 16, 16, 3), np.uint8))
