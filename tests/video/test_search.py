import dataclasses

import cv2
import numpy as np
import pytest

from fdd.demo import drawing, identities, motion
from fdd.video import encode, faces
from fdd.video.clips import extract_clips
from fdd.video.extraction import NoFaceError
from fdd.video.preprocessing import Preprocessing

SPEC = Preprocessing(image_size=16, sampling="consecutive", clips_per_video=2)
FRAMES = 22


def _heads(seed, size, count=FRAMES):
    """Frames of a drawn person who talks, uint8 [count, size, size, 3]."""
    rng = np.random.default_rng(seed)
    who = identities.sample_identity(rng)
    states = motion.sample_motion(rng, count).states()
    drawn = [drawing.draw_frame(who, state, 128) for state in states]
    return [cv2.resize(head, (size, size), interpolation=cv2.INTER_AREA) for head in drawn]


def _scene(width, height, *people):
    """Frames with people pasted in: (heads, a function from the frame's number to x and y)."""
    frames = np.full((len(people[0][0]), height, width, 3), 150, np.uint8)
    for heads, place in people:
        for number, (frame, head) in enumerate(zip(frames, heads, strict=True)):
            x, y = (round(value) for value in place(number))
            left, right = max(0, -x), min(len(head), width - x)
            if right > left:
                frame[y : y + len(head), x + left : x + right] = head[:, left:right]
    return frames


@pytest.fixture
def extract(tmp_path):
    def extract(frames, **settings):
        encode.write_video(tmp_path / "a.mp4", list(frames), fps=25)
        return extract_clips(tmp_path / "a.mp4", dataclasses.replace(SPEC, **settings))

    return extract


@pytest.fixture
def small():
    """A head of 56 pixels, its face about 22, in a frame of 1600: 9 at the usual size."""
    return _scene(1600, 900, (_heads(3, 56), lambda i: (700, 400)))


def test_a_small_face_in_a_large_frame_is_found_and_in_doubt(extract, small):
    assert faces.detect_faces(small[0]) == []
    extraction = extract(small)
    ((first, second),) = extraction.people
    for clip in (first, second):
        x0, y0, x1, y1 = clip.face.box
        assert 700 < x0 < x1 < 756 and 400 < y0 < y1 < 456
    assert len(extraction.doubts) == 1 and "they are small" in extraction.doubts[0]


def test_a_face_too_small_to_see_anything_gives_no_clip(extract, small):
    with pytest.raises(NoFaceError, match=r"the face is too small: \d\d pixels, where 49 are"):
        extract(small, image_size=64)


def test_the_reason_for_a_small_face_says_how_large_it_must_be(extract):
    frames = np.full((FRAMES, 64, 5000, 3), 150, np.uint8)
    with pytest.raises(NoFaceError, match="faces of less than about 25 pixels, and heads that are"):
        extract(frames)


def test_a_face_that_fills_the_frame_is_found(extract):
    """A close-up that the usual search does not find."""
    head = _heads(0, 700)
    face = max(faces.detect_faces(head[0]), key=lambda face: face.area)
    x0, y0, x1, y1 = (round(value) for value in face.box)
    side = round(0.87 * max(x1 - x0, y1 - y0))
    x, y = (x0 + x1 - side) // 2, (y0 + y1 - side) // 2
    close = [cv2.resize(f[y : y + side, x : x + side], (640, 640)) for f in head]
    assert not any(faces.detect_faces(frame) for frame in close[:10:3])
    ((clip, _),) = extract(close).people
    assert clip.face.area > 0.5 * 640**2


@pytest.mark.parametrize("speed", [0.5, 1.2, 3, 8, 14])
def test_a_head_that_crosses_the_frame_is_one_person_or_no_answer(extract, speed):
    """A face of some 40 pixels gets up to nine times its own size in a second."""
    frames = _scene(460, 128, (_heads(1, 104), lambda i: (speed * i, 12)))
    if speed >= 3:
        with pytest.raises(NoFaceError, match=r"the head moves by more than 0\.48 of its own size"):
            extract(frames)
        return
    extraction = extract(frames)
    assert [len(person) for person in extraction.people] == [2]
    if speed < 1:
        assert extraction.doubts == ()
    else:
        (doubt,) = extraction.doubts
        assert "moves quickly" in doubt


def test_a_quick_person_beside_a_calm_one(extract):
    """The calm person is classified; missing clips of the other one do not count."""
    calm = (_heads(1, 120), lambda i: (0, 4))
    quick = (_heads(2, 90), lambda i: (130 + 9 * i, 20))
    extraction = extract(_scene(460, 128, calm, quick))
    (person,) = extraction.people
    assert [clip.index for clip in person] == [0, 1]
    assert all(clip.face.box[2] < 130 for clip in person)


def test_people_who_cross_each_other_stay_two(extract):
    """Between the clips, where nothing is searched at first, they change sides."""
    one = (_heads(1, 80, 42), lambda i: (max(0, min(160, 8 * (i - 11))), 0))
    other = (_heads(2, 80, 42), lambda i: (160 - max(0, min(160, 8 * (i - 11))), 80))
    extraction = extract(_scene(240, 160, one, other))
    assert [[clip.index for clip in person] for person in extraction.people] == [[0, 1], [0, 1]]
    for first, second in extraction.people:
        assert abs(first.face.box[0] - second.face.box[0]) > 100
    assert extraction.doubts == ()


def test_one_who_moves_on_between_the_clips_is_one_person(extract):
    frames = _scene(400, 128, (_heads(1, 110, 60), lambda i: (max(10, min(280, 10 * (i - 15))), 9)))
    extraction = extract(frames)
    assert [[clip.index for clip in person] for person in extraction.people] == [[0, 1]]
    assert extraction.doubts == ()


def test_a_cut_to_another_place_is_in_doubt(extract):
    """The same person, first left and then right, cannot be distinguished from two people."""
    frames = _scene(400, 128, (_heads(1, 110), lambda i: (10 if i < 11 else 270, 10)))
    extraction = extract(frames)
    assert [[clip.index for clip in person] for person in extraction.people] in (
        [[0], [1]],
        [[1], [0]],
    )
    (doubt,) = extraction.doubts
    assert doubt.startswith("people 1 and 2 are never seen together and look alike")
