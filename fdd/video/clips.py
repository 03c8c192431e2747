"""The one path from a video file to clips: decode, sample, find the face, crop, JPEG.

Building a data set, training on it and predicting on a new file all go through `extract_clips`;
`Preprocessing` is everything that decides what comes out, and its fingerprint says whether two
of them are the same.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import av
import cv2
import numpy as np
import simplejpeg

from fdd.errors import first_line
from fdd.video import decode, faces, masks, sampling
from fdd.video.decode import VideoError, VideoInfo
from fdd.video.faces import Face

REGIONS = ("face", "full_frame")
_VERSION = 1  # Raise it whenever a change here changes the pixels of a clip.
_DETECTIONS_PER_CLIP = 4

Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """Everything that decides what clips a video gives.

    Attributes:
        region: 'face': a square around the face, the same for all frames of a clip.
            'full_frame': the whole frame, whatever its aspect ratio.
        margin: Side of the square over the longer side of the face's box; unused for full frames.
        image_size: Height and width of a clip's frames in pixels.
        num_frames: Frames per clip.
        sampling: See `fdd.video.sampling.clip_frame_indices`.
        clips_per_video: Clips per video.
        jpeg_quality: 0 to 100.
    """

    region: str = "face"
    margin: float = 1.3
    image_size: int = 224
    num_frames: int = 10
    sampling: str = "uniform"
    clips_per_video: int = 1
    jpeg_quality: int = 95

    def __post_init__(self):
        if self.region not in REGIONS:
            raise ValueError(f"region must be one of {', '.join(REGIONS)}, not '{self.region}'")
        sampling.clip_frame_indices(0, self.num_frames, self.sampling, self.clips_per_video)
        if self.image_size < 1:
            raise ValueError(f"image_size must be at least 1, not {self.image_size}")
        if not self.margin > 0:
            raise ValueError(f"margin must be above 0, not {self.margin}")
        if not 0 <= self.jpeg_quality <= 100:
            raise ValueError(f"jpeg_quality must be from 0 to 100, not {self.jpeg_quality}")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Preprocessing":
        """Takes what it needs out of other settings, such as `config.data`.

        Raises:
            ValueError: a value is out of range.
        """
        return cls(**{field.name: settings[field.name] for field in dataclasses.fields(cls)})

    def description(self) -> dict[str, object]:
        """The settings, and what the path itself uses, as JSON-compatible values."""
        detector = {"sha256": faces.DETECTOR_SHA256, "threshold": faces.SCORE_THRESHOLD}
        return {
            **dataclasses.asdict(self),
            "detector": detector if self.region == "face" else None,
            "version": _VERSION,
        }

    def name(self) -> str:
        """A readable name: 'face-consecutive4x10-224px', and what else is unusual."""
        clips = f"{self.sampling}{self.clips_per_video}x{self.num_frames}"
        parts = [self.region, clips, f"{self.image_size}px"]
        if self.margin != Preprocessing.margin:
            parts.append(f"margin{self.margin:g}")
        if self.jpeg_quality != Preprocessing.jpeg_quality:
            parts.append(f"quality{self.jpeg_quality}")
        return "-".join(parts)

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits, equal for equal preprocessing."""
        text = json.dumps(self.description(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip of one person (or of the full frame).

    Attributes:
        index: Which of the video's clips it is, from 0.
        frames: One JPEG image per frame, `image_size` pixels square.
        frame_indices: Index of each frame in the video.
        seconds: Time of each frame after the video's first one.
        face: Where the face is in the video's frames; None for full frames.
        crop: The part of the video's frames that was kept, (x0, y0, x1, y1) in pixels.
        seen: Indices of those of the searched frames in which this face was found.
    """

    index: int
    frames: tuple[bytes, ...]
    frame_indices: tuple[int, ...]
    seconds: tuple[float, ...]
    face: Face | None
    crop: Box
    seen: tuple[int, ...] = ()

    def images(self) -> np.ndarray:
        """The frames as training and evaluation see them: uint8 [t, height, width, 3], RGB."""
        return decode_jpegs(self.frames)


@dataclasses.dataclass(frozen=True)
class Extraction:
    """What a video gave.

    Attributes:
        info: Frame times of the video.
        frame_size: Height and width of an upright frame in pixels.
        people: The clips of each person, the one who is largest over the whole video first;
            with full frames there is one entry, for the frame.
        missing: Why a clip of the first person is missing, by clip index.
        searched: How many faces were found in each frame that was searched for faces, by the
            frame's index.
        num_clips: How many clips the video should have given each person.
    """

    info: VideoInfo
    frame_size: tuple[int, int]
    people: tuple[tuple[Clip, ...], ...]
    missing: Mapping[int, str]
    searched: Mapping[int, int]
    num_clips: int


class TooShortError(VideoError):
    """A video with fewer frames than a clip has."""


class NoFaceError(VideoError):
    """A video in which no clip holds a face.

    Attributes:
        searched: As in `Extraction`.
    """

    def __init__(self, message: str, searched: Mapping[int, int]):
        super().__init__(message)
        self.searched = searched

    def __reduce__(self) -> tuple[type, tuple[str, Mapping[int, int]]]:
        return type(self), (str(self), self.searched)  # It has to pass from process to process.


def library_versions() -> dict[str, str]:
    """Versions of what decodes and resizes; recorded, but no part of a fingerprint."""
    ffmpeg = ".".join(map(str, av.library_versions["libavcodec"]))
    return {"opencv": cv2.__version__, "av": av.__version__, "libavcodec": ffmpeg}


def extract_clips(
    path: str | pathlib.Path,
    spec: Preprocessing,
    reference: Extraction | None = None,
    mask: str | pathlib.Path = "",
    damage: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]] | None = None,
) -> Extraction:
    """Cuts a video into clips.

    Args:
        path: Any file that FFmpeg reads.
        spec: How.
        reference: What the unmanipulated version of this video gave. If it has as many frames of
            the same size, the faces are taken to be where they are there, so that a crop cannot
            tell a fake from its original, and none is searched.
        mask: A video that is bright where this video's forgeries replaced a face; of several
            people, the one it points to becomes the first.
        damage: What to do to the decoded frames of a clip before they are cropped; faces are
            searched before it is done.

    Returns:
        At least one person with at least one clip.

    Raises:
        VideoError: no clip could be made; the message says why. `TooShortError` and `NoFaceError`
            are two kinds of it.
    """
    info = decode.probe(path)
    wanted = sampling.clip_frame_indices(
        info.num_frames, spec.num_frames, spec.sampling, spec.clips_per_video
    )
    if not wanted:
        raise TooShortError(f"{info.num_frames} frames, fewer than a clip's {spec.num_frames}")
    known = _known_faces(info, reference)
    candidates = []  # Per clip: the clips of all the people in it.
    frame_size, searched = (0, 0), {}
    for index, frames in enumerate(_frames_of_clips(path, info, wanted)):
        frame_size = frames[0].shape[:2]
        if spec.region == "full_frame":
            found = [(None, ())]
        elif known is not None:
            found = [(face, ()) for face in known.get(index, ())]
        else:
            found, counts = _faces_of_clip(frames, wanted[index])
            searched |= counts
        seconds = tuple(info.seconds(i) for i in wanted[index])
        frames = frames if damage is None else damage(frames)
        candidates.append(
            [_cut(index, frames, wanted[index], seconds, face, seen, spec) for face, seen in found]
        )
    people = _people(candidates)
    if not people:
        raise NoFaceError(f"no face found in any of {len(wanted)} clips", searched)
    if mask and len(people) > 1:
        bright = masks.brightness(people, mask, info, frame_size)
        order = sorted(range(len(people)), key=lambda number: -bright[number])
        people = tuple(people[number] for number in order)
    present = {clip.index for clip in people[0]}
    missing = {i: "no face found in the clip" for i in range(len(wanted)) if i not in present}
    return Extraction(info, frame_size, people, missing, searched, len(wanted))


def _known_faces(
    info: VideoInfo, reference: Extraction | None
) -> dict[int, tuple[Face | None, ...]] | None:
    if reference is None:
        return None
    other = reference.info
    if (info.num_frames, info.height, info.width) != (other.num_frames, other.height, other.width):
        return None
    return {clip.index: (clip.face,) for clip in reference.people[0]}


def _frames_of_clips(
    path: str | pathlib.Path, info: VideoInfo, wanted: Sequence[Sequence[int]]
) -> Iterator[list[np.ndarray]]:
    """Yields the frames of each clip, holding no frame longer than a clip needs it."""
    stream = decode.read_frames(path, info, [index for clip in wanted for index in clip])
    held: dict[int, np.ndarray] = {}
    for position, clip in enumerate(wanted):
        while not held.keys() >= set(clip):
            index, frame = next(stream)
            held[index] = frame
        yield [held[index] for index in clip]
        needed = {index for later in wanted[position + 1 :] for index in later}
        held = {index: frame for index, frame in held.items() if index in needed}


def _faces_of_clip(
    frames: Sequence[np.ndarray], indices: Sequence[int]
) -> tuple[list[tuple[Face, tuple[int, ...]]], dict[int, int]]:
    """The people who are seen in at least half of the frames that are searched.

    Returns:
        Of each of them one face for the whole clip and the indices of the frames it was found in;
        and how many faces each frame that was searched holds, by the frame's index.
    """
    spread = np.linspace(0, len(frames) - 1, min(_DETECTIONS_PER_CLIP, len(frames)))
    positions = [round(position) for position in spread]
    found = [faces.detect_faces(frames[position]) for position in positions]
    steady = []
    for person in faces.follow(found):
        seen = [(indices[p], face) for p, face in zip(positions, person, strict=True) if face]
        if 2 * len(seen) >= len(person):
            boxes = np.array([face.box for _, face in seen])
            union = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
            box = tuple(float(value) for value in union)
            score = float(np.mean([face.score for _, face in seen]))
            steady.append((Face(box, score), tuple(index for index, _ in seen)))
    return steady, {indices[p]: len(each) for p, each in zip(positions, found, strict=True)}


def _people(candidates: Sequence[Sequence[Clip]]) -> tuple[tuple[Clip, ...], ...]:
    if all(clip.face is None for clips in candidates for clip in clips):
        everything = tuple(clip for clips in candidates for clip in clips)
        return (everything,) if everything else ()
    by_face = {(clip.index, clip.face): clip for clips in candidates for clip in clips}
    people = faces.follow([[clip.face for clip in clips] for clips in candidates])
    return tuple(
        tuple(by_face[index, face] for index, face in enumerate(person) if face is not None)
        for person in people
    )


def _cut(
    index: int,
    frames: Sequence[np.ndarray],
    frame_indices: Sequence[int],
    seconds: tuple[float, ...],
    face: Face | None,
    seen: tuple[int, ...],
    spec: Preprocessing,
) -> Clip:
    height, width = frames[0].shape[:2]
    crop = (0.0, 0.0, float(width), float(height)) if face is None else _square(face, spec.margin)
    jpegs = tuple(_jpeg(_resized_crop(frame, crop, spec.image_size), spec) for frame in frames)
    return Clip(index, jpegs, tuple(frame_indices), seconds, face, crop, seen)


def _square(face: Face, margin: float) -> Box:
    """A square around a face, on whole pixels; it may reach over the frame's border."""
    x0, y0, x1, y1 = face.box
    side = max(2, round(margin * max(x1 - x0, y1 - y0)))
    left, top = round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2)
    return (float(left), float(top), float(left + side), float(top + side))


def _resized_crop(frame: np.ndarray, crop: Box, size: int) -> np.ndarray:
    height, width = frame.shape[:2]
    x0, y0, x1, y1 = (int(value) for value in crop)
    inside = frame[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
    outside = (max(0, -y0), max(0, y1 - height), max(0, -x0), max(0, x1 - width))
    if any(outside):
        inside = cv2.copyMakeBorder(inside, *outside, cv2.BORDER_REPLICATE)
    shrinks = inside.shape[0] >= size and inside.shape[1] >= size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(inside, (size, size), interpolation=method)


def _jpeg(image: np.ndarray, spec: Preprocessing) -> bytes:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    ok, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, spec.jpeg_quality])
    if not ok:
        raise VideoError("a frame cannot be coded as JPEG")
    return data.tobytes()


def decode_jpegs(images: Sequence[bytes], out: np.ndarray | None = None) -> np.ndarray:
    """The frames of a clip, decoded: uint8 [t, height, width, 3], RGB.

    Args:
        images: The frames as JPEG images, of one size.
        out: Where to write them, if not to a new array.

    Raises:
        ValueError: one is no JPEG image, damaged, or of another size, or there are not as many.
    """
    if not images or (out is not None and len(images) != len(out)):
        wanted = "at least one" if out is None else len(out)
        raise ValueError(f"there are {len(images)} frames, not {wanted}")
    if out is None:
        height, width, *_ = simplejpeg.decode_jpeg_header(images[0])
        out = np.empty((len(images), height, width, 3), np.uint8)
    for image, place in zip(images, out, strict=True):
        try:
            shape = simplejpeg.decode_jpeg(image, "RGB", buffer=place).shape
        except ValueError as error:
            raise ValueError(f"a frame cannot be decoded: {first_line(error)}") from None
        if shape != place.shape:
            raise ValueError(f"a frame is of shape {shape}, not {place.shape}")
    return out
