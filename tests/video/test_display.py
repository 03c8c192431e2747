"""What a player shows is what is read: orientation, pixel shape, size and colours."""

import struct
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorTrc

from fdd.video import decode
from fdd.video.clips import extract_clips
from fdd.video.preprocessing import Preprocessing
from tests.video import numbered

HEIGHT, WIDTH = 64, 96


def _corners():
    """A picture whose four corners differ."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[: HEIGHT // 2, : WIDTH // 2] = 230
    image[: HEIGHT // 2, WIDTH // 2 :] = 160
    image[HEIGHT // 2 :, : WIDTH // 2] = 90
    return image


def _frames(path):
    info = decode.probe(path)
    return [frame for _, frame in decode.read_frames(path, info, range(info.num_frames))]


def _set_matrix(path, a, b, c, d):
    """Writes a display matrix (ISO/IEC 14496-12, 8.3.2) into an MP4 file's track header."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd")
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    place = content.index(upright, place)
    values = [round(value * 65536) for value in (a, b, 0, c, d, 0, 0, 0)]
    content[place : place + 36] = struct.pack(">9i", *values, 1 << 30)
    path.write_bytes(content)


def _shown(image, a, b, c, d):
    """The picture pixel by pixel: x' = a x + c y, y' = b x + d y, moved to begin at 0."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    to_x, to_y = a * x + c * y, b * x + d * y
    to_x, to_y = to_x - to_x.min(), to_y - to_y.min()
    out = np.zeros((to_y.max() + 1, to_x.max() + 1, 3), np.uint8)
    out[to_y, to_x] = image
    return out


@pytest.mark.parametrize("diagonal", [True, False], ids=["straight", "turned"])
@pytest.mark.parametrize("first", [1, -1])
@pytest.mark.parametrize("second", [1, -1])
def test_eight_orientations(tmp_path, diagonal, first, second):
    matrix = (first, 0, 0, second) if diagonal else (0, first, second, 0)
    image = _corners()
    path = numbered.write(tmp_path / "a.mp4", frames=[image] * 3, options={"qp": "1"})
    _set_matrix(path, *matrix)
    expected = _shown(image, *matrix).astype(int)
    for frame in _frames(path):
        assert frame.shape == expected.shape
        assert np.abs(frame - expected).mean() < 3  # Other orientations differ by more than 40.


def test_a_matrix_without_meaning_changes_nothing(tmp_path):
    path = numbered.write(tmp_path / "a.mp4", frames=[_corners()] * 3, options={"qp": "1"})
    plain = _frames(path)
    _set_matrix(path, 0, 0, 0, 0)
    np.testing.assert_array_equal(_frames(path), plain)


def test_a_mirrored_selfie_is_shown_as_it_was_seen(shared):
    folder = shared / "inputs/mirror-matrix"
    if not folder.is_dir():
        pytest.skip("needs ../shared/inputs")
    original, mirrored = (folder / f"{name}.mp4" for name in ("original", "mirrored_selfie"))
    frames, others = _frames(original), _frames(mirrored)
    assert any(
        np.array_equal(np.stack(frames)[:, ::y, ::x], np.stack(others))
        for y, x in ((1, -1), (-1, 1))
    )


@pytest.mark.parametrize(
    ("aspect", "size"), [(Fraction(4, 3), (64, 128)), (Fraction(1, 2), (128, 96))]
)
def test_pixels_that_are_not_square(tmp_path, aspect, size):
    path = numbered.write(tmp_path / "a.mkv", frames=[_corners()] * 3, aspect=aspect)
    assert {frame.shape[:2] for frame in _frames(path)} == {size}


# Full red, green, blue and grey as BT.601 and BT.709 code them in limited and full range.
WEIGHTS = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}
COLOURS = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [128, 128, 128]], float) / 255


def _coded(rgb, matrix, is_full=False, bits=8):
    """Y, Cb and Cr of colours 0 to 1 (BT.601, BT.709, BT.2020), as integers."""
    red, blue = WEIGHTS[matrix]
    y = red * rgb[..., 0] + (1 - red - blue) * rgb[..., 1] + blue * rgb[..., 2]
    cb, cr = (rgb[..., 2] - y) / (2 - 2 * blue), (rgb[..., 0] - y) / (2 - 2 * red)
    scale = 2 ** (bits - 8)
    if is_full:
        planes = 255 * y, 255 * cb + 128, 255 * cr + 128
    else:
        planes = 219 * y + 16, 224 * cb + 128, 224 * cr + 128
    return [np.round(plane * scale) for plane in planes]


def _plane_frame(planes, pix_fmt, **tags):
    """A frame of full-size planes, 8 or 10 bits."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pix_fmt)
    kind = np.uint16 if "10" in pix_fmt else np.uint8
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((height, plane.line_size // np.dtype(kind).itemsize), kind)
        rows[:, :width] = values
        plane.update(rows.tobytes())
    for name, value in tags.items():
        setattr(frame, name, value)
    return frame


def _stripes(size):
    """Vertical stripes of the colours: float [height, width, 3]."""
    return np.repeat(np.tile(COLOURS, (size[0], 1, 1)), size[1] // 4, axis=1)


BT709, SMPTE170M, UNSPECIFIED, BT2020 = 1, 6, 2, 9
LIMITED, FULL = 1, 2


@pytest.mark.parametrize(
    ("matrix", "tag", "is_full", "size"),
    [
        ("709", BT709, False, (64, 96)),
        ("601", SMPTE170M, False, (64, 96)),
        ("709", BT709, True, (64, 96)),
        ("601", UNSPECIFIED, False, (64, 96)),
        ("709", UNSPECIFIED, False, (720, 1280)),
    ],
)
def test_colours_are_those_that_the_tags_mean(tmp_path, matrix, tag, is_full, size):
    """Rounding of the code values and of the result, and lossless coding: within 2 of 255."""
    colours = _stripes(size)
    tags = {"colorspace": tag, "color_range": FULL if is_full else LIMITED}
    frame = _plane_frame(_coded(colours, matrix, is_full), "yuv444p", **tags)
    options = {"qp": "0", "preset": "ultrafast"}
    path = tmp_path / "a.mkv"
    numbered.write(path, pix_fmt="yuv444p", frames=[frame], options=options, tags=tags)
    (shown,) = _frames(path)
    assert np.abs(shown - 255 * colours).max() <= 2


# BT.2087: linear light, BT.709 primaries to BT.2020 primaries.
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
WHITE = 203.0  # cd/m² of SDR's white in an HDR video (BT.2408).


def _pq(light):
    """BT.2100's PQ: light in cd/m² to 0…1."""
    y = np.maximum(light / 10000, 0) ** (2610 / 16384)
    above, below = 2413 / 4096 * 32, 2392 / 4096 * 32
    return ((3424 / 4096 + above * y) / (1 + below * y)) ** (2523 / 4096 * 128)


def _hlg(light):
    """BT.2100's HLG for a screen of 1000 cd/m²: light in cd/m² to 0…1."""
    luminance = light @ np.array([0.2627, 0.6780, 0.0593])
    scene = light / 1000 * (np.maximum(luminance, 1e-9) / 1000)[..., None] ** (1 / 1.2 - 1)
    a, b = 0.17883277, 1 - 4 * 0.17883277
    c = 0.5 - a * np.log(4 * a)
    upper = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)


def _write_hdr(path, frames, curve, trc):
    """SDR pictures 0…1 as a 10 bit BT.2020 video that shows the same light (BT.1886, BT.2087)."""
    tags = {
        "colorspace": BT2020, "color_range": LIMITED, "color_trc": trc,
        "color_primaries": int(ColorPrimaries.BT2020),
    }  # fmt: skip
    coded = []
    for image in frames:
        light = WHITE * (image**2.4) @ TO_BT2020.T
        planes = _coded(curve(light), "2020", bits=10)
        coded.append(_plane_frame(planes, "yuv444p10le", **tags))
    return numbered.write(path, "ffv1", "matroska", "yuv444p10le", frames=coded, tags=tags)


@pytest.mark.parametrize(
    ("curve", "trc"), [(_pq, ColorTrc.SMPTE2084), (_hlg, ColorTrc.ARIB_STD_B67)], ids=["PQ", "HLG"]
)
def test_hdr_is_shown_as_the_sdr_picture_it_was_made_from(tmp_path, curve, trc):
    """Within 6 of 255 everywhere, 2 on average; without conversion it is 40 on average.

    Half a step of Y and of Cr in 10 bits is 0.0014 of PQ, at 100 cd/m² 1.2 % of the light, 0.5 % of
    the SDR value; the matrix from BT.2020 to BT.709 makes up to 2.3 times of it, 3 of 255. The rest
    is libswscale's table of 33³ colours and rounding.
    """
    ramp = np.linspace(0, 1, WIDTH)[None, :, None] * np.ones((HEIGHT // 2, 1, 3))
    image = np.concatenate([_stripes((HEIGHT // 2, WIDTH)), ramp])
    path = _write_hdr(tmp_path / "a.mkv", [image] * 2, curve, int(trc))
    info = decode.probe(path)
    for shown in _frames(path):
        difference = np.abs(shown - 255 * image)
        assert difference.max() <= 6
        assert difference.mean() <= 2
    assert info.condition.notes == (
        f"its colours are HDR ({'PQ' if curve is _pq else 'HLG'}) and were converted to SDR",
    )


def test_the_face_in_an_hdr_video_is_that_of_the_sdr_video(tree, tmp_path):
    path = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[0]
    frames = _frames(path)[:12]
    hdr = _write_hdr(tmp_path / "a.mkv", [f / 255 for f in frames], _pq, int(ColorTrc.SMPTE2084))
    spec = Preprocessing(image_size=64)
    numbered.write(tmp_path / "b.mkv", "ffv1", pix_fmt="bgr0", frames=frames)
    ((clip,),), ((plain,),) = (
        extract_clips(file, spec).people for file in (hdr, tmp_path / "b.mkv")
    )
    assert np.abs(np.subtract(clip.crop, plain.crop)).max() <= 2
    difference = clip.images().astype(float) - plain.images()
    assert np.abs(difference).mean() < 3


ODD = {
    "grey": ("ffv1", "gray", (64, 96)),
    "with transparency": ("ffv1", "yuva420p", (64, 96)),
    "RGB with transparency": ("ffv1", "bgra", (64, 96)),
    "a palette": ("gif", "rgb8", (64, 96)),
    "odd sizes": ("ffv1", "yuv420p", (63, 95)),
    "12 bits": ("libx265", "yuv420p12le", (64, 96)),
    "16 bits": ("ffv1", "gray16le", (64, 96)),
    "4:1:1": ("ffv1", "yuv411p", (64, 96)),
}


@pytest.mark.parametrize("kind", ODD)
def test_unusual_pixels(tmp_path, kind):
    codec, pix_fmt, size = ODD[kind]
    container = "gif" if codec == "gif" else "matroska"
    frames = [numbered.frame(index, *size) for index in range(12)]
    path = numbered.write(tmp_path / "a", codec, container, pix_fmt, frames=frames)
    info, numbers = numbered.readable(path)
    assert numbers == list(range(12))
    assert (info.height, info.width) == size


def _joined(path, *parts):
    """Transport streams can be put behind one another; a player goes on."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def _face(tree, count, size):
    path = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[0]
    return [cv2.resize(frame, size) for frame in _frames(path)[:count]]


def test_a_picture_that_changes_size_keeps_one_person(tree, tmp_path):
    parts = []
    for index, side in enumerate((192, 96, 192)):
        frames = _face(tree, 20, (side, side))
        start = range(20 * index, 20 * index + 20)
        options = {"bf": "0", "qp": "18"}
        part = tmp_path / f"{index}.ts"
        numbered.write(part, container="mpegts", frames=frames, options=options, stamps=start)
        parts.append(part)
    path = _joined(tmp_path / "a.ts", *parts)
    spec = Preprocessing(image_size=64, sampling="consecutive", clips_per_video=4)
    found = extract_clips(path, spec)
    assert found.frame_size == (192, 192)
    assert len(found.people) == 1
    assert len(found.people[0]) + len(found.missing) == 4
    assert any("changes size" in note for note in found.info.condition.notes)


def test_another_shape_is_centred_on_black(tmp_path):
    options = {"bf": "0", "qp": "10"}
    wide, tall = np.full((64, 128, 3), 200, np.uint8), np.full((128, 64, 3), 200, np.uint8)
    numbered.write(tmp_path / "0.ts", container="mpegts", frames=[wide] * 20, options=options)
    stamps = range(20, 30)
    numbered.write(
        tmp_path / "1.ts", container="mpegts", frames=[tall] * 10, options=options, stamps=stamps
    )
    path = _joined(tmp_path / "a.ts", tmp_path / "0.ts", tmp_path / "1.ts")
    info = decode.survey(path)
    frames = [frame for _, frame in decode.read_frames(path, info, range(info.num_frames))]
    assert {frame.shape for frame in frames} == {(64, 128, 3)}
    last = frames[-1][:, :, 0].mean(axis=0)
    assert last[64] > 180 and last[:40].max() < 40 and last[88:].max() < 40
