"""Landmarks of a detection, of every frame of a clip, and of a fake and its original."""

import dataclasses

import cv2
import numpy as np
import pytest

from fdd.video import encode, faces, landmarks
from fdd.video.clips import extract_clips
from fdd.video.preprocessing import Preprocessing
from tests.video.drawn import LANDMARKS as DRAWN
from tests.video.drawn import drawn_face

SPEC = Preprocessing(image_size=224, sampling="first")
SECONDS = np.arange(10) / 25


def _moved(dx, dy):
    return cv2.warpAffine(
        drawn_face(), np.float32([[1, 0, dx], [0, 1, dy]]), (320, 256), borderValue=(200,) * 3
    )


def _off(found, expected):
    """The largest distance of two sets of landmarks."""
    return float(np.linalg.norm(np.subtract(found, expected), axis=-1).max())


@pytest.mark.parametrize("scale", [1, 4])
def test_the_detector_finds_them_in_the_order_that_is_documented(scale):
    """With the scale 4 the picture is reduced for the search, so landmarks are scaled back."""
    image = cv2.resize(_moved(40, 30), None, fx=scale, fy=scale)
    (face,) = faces.detect_faces(image)
    assert len(face.landmarks) == len(landmarks.NAMES) == 5
    assert _off(face.landmarks, (DRAWN + (40, 30)) * scale) < 12 * scale


def test_of_a_mirrored_picture_they_are_mirrored():
    plain, mirrored = (
        np.array(faces.detect_faces(image)[0].landmarks)
        for image in (drawn_face(), np.ascontiguousarray(drawn_face()[:, ::-1]))
    )
    expected = plain[list(landmarks.MIRRORED)] * (-1, 1) + (192, 0)
    assert _off(mirrored, expected) < 6


@pytest.mark.parametrize("smoothing", [0.0, landmarks.SMOOTHING])
def test_even_motion_stays_as_it_is_up_to_the_ends(smoothing):
    """Four of ten frames were searched; ends must not be drawn to the middle."""
    way = DRAWN + SECONDS[:, None, None] * (300.0, -40.0)
    searched = [0, 3, 6, 9]
    track = landmarks.over_time(way[searched], SECONDS[searched], SECONDS, smoothing)
    np.testing.assert_allclose(track, way, atol=1e-9)


def test_trembling_is_smoothed_within_a_clip():
    noise = np.random.default_rng(0).normal(size=(200, 10, 5, 2))
    tracks = np.stack([landmarks.over_time(DRAWN + each, SECONDS, SECONDS) for each in noise])
    ends_too = (tracks - DRAWN).std(axis=(0, 2, 3))
    assert (ends_too < 0.8).all() and ends_too[3:7].max() < 0.5


def test_frames_far_apart_do_not_smooth_each_other():
    way = np.random.default_rng(1).normal(size=(10, 5, 2))
    track = landmarks.over_time(way, SECONDS * 50, SECONDS * 50)
    np.testing.assert_allclose(track, way, atol=1e-9)


def test_before_the_first_finding_and_after_the_last_they_stay():
    track = landmarks.over_time([DRAWN], [SECONDS[3]], SECONDS)
    np.testing.assert_allclose(track, np.broadcast_to(DRAWN, track.shape))
    two = landmarks.over_time([DRAWN, DRAWN + 9], SECONDS[[3, 6]], SECONDS, 0.0)
    np.testing.assert_allclose(two[[0, 4, 9]], [DRAWN, DRAWN + 3, DRAWN + 9])


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """A head that goes to the right by four pixels a frame, and what its clip gives."""
    path = tmp_path_factory.mktemp("moving") / "a.mp4"
    encode.write_video(path, [_moved(40 + 4 * number, 30) for number in range(10)], fps=25)
    return path, extract_clips(path, SPEC)


def test_a_clip_has_them_in_every_frame_where_they_are(moving):
    ((clip,),) = moving[1].people
    expected = [DRAWN + (40 + 4 * number, 30) for number in range(10)]
    assert _off(clip.points, expected) < 10
    steps = np.diff(np.array(clip.points), axis=0).mean(axis=1)
    np.testing.assert_allclose(steps, np.broadcast_to([4, 0], steps.shape), atol=0.6)


def test_in_a_clips_own_frames_they_are_where_the_crop_puts_them(moving):
    """A search of the clip's frames finds them there, as well as it can in a drawing."""
    ((clip,),) = moving[1].people
    scale = SPEC.image_size / (clip.crop[2] - clip.crop[0])
    expected = (np.array(clip.points) - clip.crop[:2]) * scale
    np.testing.assert_allclose(clip.landmarks, expected)
    for image, track in zip(clip.images(), clip.landmarks, strict=True):
        (face,) = faces.detect_faces(image)
        assert _off(track, face.landmarks) < 0.08 * SPEC.image_size


def test_a_fake_has_those_of_its_original(moving, tmp_path):
    """The fake's face is drawn at another place, which must have no effect."""
    encode.write_video(tmp_path / "fake.mp4", [_moved(60, 40)] * 10, fps=25)
    fake = extract_clips(tmp_path / "fake.mp4", SPEC, moving[1])
    ((clip,),), ((original,),) = fake.people, moving[1].people
    assert clip.points == original.points and clip.landmarks == original.landmarks


def test_a_full_frame_has_none(moving):
    ((clip,),) = extract_clips(moving[0], dataclasses.replace(SPEC, region="full_frame")).people
    assert clip.points == clip.landmarks == ()
