"""The one path from a video file to clips: decode, sample, find the face, crop, JPEG.

Building a data set, training on it and predicting on a new file all go through `extract_clips`;
`Preprocessing` is everything that decides what comes out, and its fingerprint says whether two
of them are the same.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import av
import cv2
import numpy as np

from fdd.video import crops, decode, people, sampling
from fdd.video.crops import Box
from fdd.video.decode import VideoError, VideoInfo
from fdd.video.faces import Face
from fdd.video.preprocessing import Preprocessing


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
        return crops.decode_jpegs(self.frames)


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
            found, counts = people.faces_of_clip(frames, wanted[index])
            searched |= counts
        seconds = tuple(info.seconds(i) for i in wanted[index])
        frames = frames if damage is None else damage(frames)
        candidates.append(
            [_cut(index, frames, wanted[index], seconds, face, seen, spec) for face, seen in found]
        )
    found_people = _people(candidates)
    if not found_people:
        raise NoFaceError(f"no face found in any of {len(wanted)} clips", searched)
    if mask and len(found_people) > 1:
        found_people = _pointed_to(found_people, mask)
    present = {clip.index for clip in found_people[0]}
    missing = {i: "no face found in the clip" for i in range(len(wanted)) if i not in present}
    return Extraction(info, frame_size, found_people, missing, searched, len(wanted))


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


def _people(candidates: Sequence[Sequence[Clip]]) -> tuple[tuple[Clip, ...], ...]:
    if all(clip.face is None for clips in candidates for clip in clips):
        everything = tuple(clip for clips in candidates for clip in clips)
        return (everything,) if everything else ()
    by_face = {(clip.index, clip.face): clip for clips in candidates for clip in clips}
    followed = people.follow([[clip.face for clip in clips] for clips in candidates])
    return tuple(
        tuple(by_face[index, face] for index, face in enumerate(person) if face is not None)
        for person in followed
    )


def _pointed_to(
    everybody: tuple[tuple[Clip, ...], ...], mask: str | pathlib.Path
) -> tuple[tuple[Clip, ...], ...]:
    """Puts the person first whose face boxes hold most of what the mask shows."""
    middles = {
        clip.index: clip.frame_indices[len(clip.frames) // 2] for p in everybody for clip in p
    }
    try:
        shown = dict(decode.read_frames(mask, decode.probe(mask), list(middles.values())))
    except VideoError:
        return everybody  # Masks are a help, not a condition.

    def brightness(clip: Clip) -> float:
        x0, y0, x1, y1 = (max(0, round(value)) for value in clip.face.box)
        return float(shown[middles[clip.index]][y0:y1, x0:x1].sum())

    return tuple(sorted(everybody, key=lambda person: -sum(map(brightness, person))))


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
    crop = (
        (0.0, 0.0, float(width), float(height)) if face is None else crops.square(face, spec.margin)
    )
    resized = (crops.resized(frame, crop, spec.image_size) for frame in frames)
    jpegs = tuple(crops.jpeg(frame, spec.jpeg_quality) for frame in resized)
    return Clip(index, jpegs, tuple(frame_indices), seconds, face, crop, seen)
