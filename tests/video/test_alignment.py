"""Aligned faces: a known transform of a picture is undone, and all code paths give equal clips."""

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
import scipy.spatial.transform

from fdd.data import schema
from fdd.data.catalog import Video
from fdd.data.extraction import extract_group
from fdd.video import alignment, decode, encode, faces, landmarks, prefetch
from fdd.video.clips import extract_clips
from fdd.video.crops import decode_jpegs
from fdd.video.preprocessing import Preprocessing
from fdd.video.search_effort import Effort
from tests.video.drawn import LANDMARKS, drawn_face

SPEC = Preprocessing(region="aligned_face", image_size=96, sampling="first")


def _move(degrees, scale, shift=(0.0, 0.0)):
    """A similarity transform about the middle of a drawn face, and then a shift: [2, 3]."""
    move = cv2.getRotationMatrix2D((96, 96), degrees, scale)
    move[:, 2] += shift
    return move


def _crop(frame, points, margin=1.3, size=96):
    side = alignment.size_in_frame(points, margin)
    return alignment.aligned(frame, alignment.transform(points, margin), side, size)


def _transformed(points, move):
    return np.asarray(points) @ move[:, :2].T + move[:, 2]


def _drawn(move, size=(400, 400)):
    """The drawn face moved, in a larger picture; pixels' middles are at halves."""
    matrix = move.copy()
    matrix[:, 2] += move[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(
        drawn_face(), matrix, size, flags=cv2.INTER_CUBIC, borderValue=(200, 200, 200)
    )


def _umeyama(source, target):
    """The paper's form, by a singular value decomposition."""
    s, t = source - source.mean(axis=0), target - target.mean(axis=0)
    u, d, vt = np.linalg.svd(t.T @ s / len(s))
    sign = np.diag([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ sign @ vt
    scale = np.trace(np.diag(d) @ sign) / (s**2).sum(axis=1).mean()
    shift = target.mean(axis=0) - scale * rotation @ source.mean(axis=0)
    return np.column_stack([scale * rotation, shift])


@pytest.mark.parametrize("seed", range(5))
def test_the_transform_is_that_of_umeyama(seed):
    """This includes mirrored points, which must not be reflected back."""
    rng = np.random.default_rng(seed)
    source = rng.normal(100, 40, (5, 2))
    target = alignment.on_template(1.3, 224)
    if seed % 2:
        source[:, 0] *= -1
    np.testing.assert_allclose(
        alignment.similarity(source, target), _umeyama(source, target), atol=1e-9
    )
    turned = scipy.spatial.transform.Rotation.from_euler("z", 130, degrees=True).as_matrix()[:2, :2]
    exact = alignment.similarity(target @ turned.T * 3 + 7, target)
    np.testing.assert_allclose(exact[:, :2], turned.T / 3, atol=1e-12)


def test_points_at_one_place_are_refused():
    with pytest.raises(ValueError, match="landmarks at one place"):
        alignment.similarity(np.ones((5, 2)), alignment.TEMPLATE)


def test_landmarks_come_to_lie_on_the_published_template():
    """Of 224 pixels with a margin of 1.3: (0.34 + 0.15) / 1.3 * 224 and so on."""
    eyes, nose, mouth = 105.11, 136.12, 167.14
    published = [[84.43, eyes], [139.57, eyes], [112.0, nose], [89.6, mouth], [134.4, mouth]]
    np.testing.assert_allclose(alignment.on_template(1.3, 224), published, atol=0.01)
    turned = _transformed(alignment.TEMPLATE, _move(70, 250))
    inside = alignment.in_crop(turned, alignment.transform(turned, 1.3), 224)
    np.testing.assert_allclose(inside, alignment.on_template(1.3, 224), atol=1e-9)
    assert alignment.size_in_frame(turned, 1.3) == 325


@pytest.mark.parametrize(
    ("degrees", "scale"), [(0, 1.5), (20, 1.0), (-35, 1.8), (90, 1.0), (180, 1.2)]
)
def test_rotating_and_scaling_a_picture_changes_nothing(degrees, scale):
    """Up to the loss of a bicubic and a bilinear interpolation, mostly at edges."""
    first = _crop(_drawn(_move(0, 1.0, (80, 80))), LANDMARKS + 80)
    move = _move(degrees, scale, (90, 100))
    other = _crop(_drawn(move), _transformed(LANDMARKS, move))
    off = np.abs(first.astype(int) - other)
    assert off.mean() < 2.0 and np.percentile(off, 99) < 40
    square = first[10:] - first[:-10].astype(int)
    assert np.abs(square).mean() > 10  # There is something to see.


def test_a_mirrored_picture_gives_the_mirrored_crop():
    """So random flips give only clips that a video could give."""
    frame = _drawn(_move(15, 1.1, (80, 80)))
    points = _transformed(LANDMARKS, _move(15, 1.1, (80, 80)))
    mirrored = (points * (-1, 1) + (400, 0))[list(landmarks.MIRRORED)]
    plain = _crop(frame, points)
    other = _crop(np.ascontiguousarray(frame[:, ::-1]), mirrored)
    assert np.abs(plain[:, ::-1].astype(int) - other).max() <= 8


def test_beyond_the_border_it_is_black_as_published():
    crop = _crop(np.full((192, 192, 3), 200, np.uint8), LANDMARKS, 6.0)
    assert (crop[:20] == 0).all() and (crop[45:51, 45:51] == 200).all()


def test_which_frames_are_searched():
    at = np.arange(10) / 25
    assert Effort().positions(at) == Effort(apart=0.12).positions(at) == [0, 3, 6, 9]
    assert Effort().positions(at + 0.004 * (np.arange(10) % 2)) == [0, 3, 6, 9]
    assert Effort(apart=0.12).positions(at * 30) == Effort(apart=0.0).positions(at) == [*range(10)]
    assert Effort(apart=0.0, most=1).positions(at) == [4]
    assert Effort(apart=0.12).positions(np.arange(32) / 25) == [
        round(each) for each in np.linspace(0, 31, 12)
    ]


def _turning(number):
    """A head that turns in its picture and comes nearer."""
    return _drawn(_move(2.0 * number - 9, 1.2 + 0.03 * number, (100 + 4 * number, 100)))


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A turning head, and as its fake the same head elsewhere."""
    folder = tmp_path_factory.mktemp("turning")
    paths = folder / "a.mp4", folder / "b.mp4"
    encode.write_video(paths[0], [_turning(number) for number in range(10)], fps=25)
    encode.write_video(paths[1], [_turning(9 - number) for number in range(10)], fps=25)
    return paths


def test_a_rotating_head_is_still_in_its_clip(videos):
    """Up to the detector's error, which is a few pixels for drawings."""
    ((clip,),) = extract_clips(videos[0], SPEC).people
    ((square,),) = extract_clips(videos[0], dataclasses.replace(SPEC, region="face")).people
    still, moving = (
        np.mean([np.abs(a - b).mean() for a, b in itertools.pairwise(each.images().astype(int))])
        for each in (clip, square)
    )
    assert still < 0.75 * moving


@pytest.mark.parametrize(("kind", "searched"), [("smoothed", 4), ("per_frame", 10)])
def test_landmarks_lie_near_the_template_in_every_frame(videos, kind, searched):
    ((clip,),) = extract_clips(videos[0], dataclasses.replace(SPEC, alignment=kind)).people
    assert len(clip.seen) == searched
    off = np.subtract(clip.landmarks, alignment.on_template(1.3, 96))
    assert np.linalg.norm(off, axis=-1).max() < 6


def _turn(source, target):
    """The rotation of points in degrees, and their scale."""
    turn = alignment.similarity(source, target)
    return np.degrees(np.arctan2(turn[1, 0], turn[0, 0])), np.hypot(turn[1, 0], turn[0, 0])


def test_rotation_and_size_of_a_head_are_mostly_undone(tmp_path):
    """A third of the rotation and a tenth of the scale remain: YuNet's errors on drawings."""
    shown = []
    for name, move in (("a", _move(0, 1.2, (100, 100))), ("b", _move(20, 1.5, (90, 120)))):
        encode.write_video(tmp_path / f"{name}.mp4", [_drawn(move)] * 10, fps=25)
        ((clip,),) = extract_clips(tmp_path / f"{name}.mp4", SPEC).people
        to_crop = alignment.transform(clip.points[5], SPEC.margin)
        shown.append(_transformed(_transformed(LANDMARKS, move), to_crop))
    degrees, scale = _turn(*shown)
    assert abs(degrees) < 20 / 3 and abs(scale - 1) < 0.1


def test_a_second_search_rotates_real_heads_upright(shared):
    """The remaining rotation is at least a third smaller; `fdd.video.alignment` has the numbers."""
    turns = {"found": [], "refined": []}
    for path in sorted((shared / "mini_ffpp/original_sequences").rglob("*.mp4"))[:6]:
        ((_, frame),) = decode.read_frames(path, decode.probe(path), [5])
        x0, y0, x1, y1 = faces.detect_faces(frame)[0].box
        seen = []
        for degrees in (0, -15, 15):
            turn = cv2.getRotationMatrix2D(((x0 + x1) / 2, (y0 + y1) / 2), degrees, 1)
            image = cv2.warpAffine(frame, turn, frame.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
            points = faces.detect_faces(image)[0].landmarks
            again = alignment.refined(image, points)
            seen.append({"found": np.array(points), "refined": np.array(again)})
        for kind, shares in turns.items():
            plain, right, left = (each[kind] for each in seen)
            shares += [_turn(plain, right)[0] / 15, _turn(left, plain)[0] / 15]
    left = {kind: 1 - np.mean(shares) for kind, shares in turns.items()}
    assert abs(left["refined"]) < 2 / 3 * left["found"]


def test_the_box_is_around_what_all_frames_show(videos):
    ((clip,),) = extract_clips(videos[0], SPEC).people
    assert clip.aligned
    x0, y0, x1, y1 = clip.crop
    for points in clip.points:
        move = alignment.similarity(np.array(points), alignment.on_template(1.3, 96))
        for x, y in itertools.product((x0, x1), (y0, y1)):
            inside = _transformed([x, y], move)
            assert not ((inside > 0.01) & (inside < 95.99)).all()
        for corner in itertools.product((0, 96), (0, 96)):
            x, y = np.linalg.solve(move[:, :2], np.array(corner) - move[:, 2])
            assert x0 - 1e-6 <= x <= x1 + 1e-6
            assert y0 - 1e-6 <= y <= y1 + 1e-6


def test_a_head_that_leaves_a_square_crop_is_followed(tmp_path):
    frames = [_drawn(_move(0, 1.0, (20 * number, 60))) for number in range(10)]
    encode.write_video(tmp_path / "a.mp4", frames, fps=25)
    assert isinstance(
        prefetch.extract(tmp_path / "a.mp4", dataclasses.replace(SPEC, region="face")), Exception
    )
    ((clip,),) = extract_clips(tmp_path / "a.mp4", SPEC).people
    assert len(clip.frames) == 10


def test_records_hold_what_prediction_sees_and_a_fake_its_originals_transforms(videos):
    real, fake = (
        Video(str(path), label, label, path.stem, "a", "", "test", "c23")
        for path, label in zip(videos, ("real", "fake"), strict=True)
    )
    results = extract_group([real, fake], SPEC)
    records = [record for result in results for _, record in schema.examples(result)]
    ((clip,),) = prefetch.extract(videos[0], SPEC).people
    jpegs, of_fake = ([each.getvalue() for each in record["frames"]] for record in records)
    assert jpegs == list(clip.frames)
    np.testing.assert_array_equal(records[0]["landmarks"], np.array(clip.landmarks, np.float32))
    for name in ("landmarks", "crop_box", "face_box"):
        np.testing.assert_array_equal(records[0][name], records[1][name])
    assert not np.array_equal(clip.images(), decode_jpegs(of_fake))


def test_fingerprints():
    """Those of other regions are the same as before alignment was added."""
    assert Preprocessing().fingerprint() == "cc0a84caded82084"
    assert Preprocessing(region="full_frame").fingerprint() == "bee69968b7838cfe"
    per_frame = dataclasses.replace(SPEC, alignment="per_frame")
    square = dataclasses.replace(SPEC, region="face")
    assert len({each.fingerprint() for each in (SPEC, per_frame, square)}) == 3
    assert per_frame.name() == "aligned_face-first1x10-96px-per_frame"
    assert dataclasses.replace(square, alignment="per_frame").fingerprint() == square.fingerprint()
    with pytest.raises(ValueError, match=r"one of smoothed, per_frame, not 'none'"):
        dataclasses.replace(SPEC, alignment="none")
