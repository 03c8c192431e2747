"""The result of cutting a video: clips of each person, or the reason why there are none."""

import dataclasses
import fractions
from collections.abc import Mapping

import numpy as np

from fdd.video import crops
from fdd.video.crops import Box
from fdd.video.decode import Condition, VideoError, VideoInfo
from fdd.video.faces import Face
from fdd.video.landmarks import Points


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip of one person (or of the full frame).

    Attributes:
        index: Which of the video's clips it is, from 0.
        frames: One JPEG image per frame, `image_size` pixels square.
        frame_indices: Index of each frame in the video.
        seconds: Time of each frame after the video's first one.
        face: Where the face is in the video's frames; None for full frames.
        crop: The part of the video's frames that was kept, (x0, y0, x1, y1) in pixels; of an
            aligned face, the box around what all of its frames show.
        seen: Indices of the searched frames in which this face was found.
        points: The face's landmarks in each frame (`fdd.video.landmarks`), in pixels of the video's
            frames; () if no face was searched.
        landmarks: The same in pixels of the clip's own frames.
        aligned: Whether each frame has a transform of its own, by its landmarks.
    """

    index: int
    frames: tuple[bytes, ...]
    frame_indices: tuple[int, ...]
    seconds: tuple[float, ...]
    face: Face | None
    crop: Box
    seen: tuple[int, ...] = ()
    points: tuple[Points, ...] = ()
    landmarks: tuple[Points, ...] = ()
    aligned: bool = False

    def images(self) -> np.ndarray:
        """The frames as training and evaluation see them: uint8 [t, height, width, 3], RGB."""
        return crops.decode_jpegs(self.frames)


@dataclasses.dataclass(frozen=True)
class Extraction:
    """The result of cutting one video.

    Attributes:
        info: Frame times of the video.
        frame_size: Height and width of an upright frame in pixels.
        people: The clips of each person. The person who is largest over the whole video comes
            first. With full frames there is one entry, for the frame.
        missing: Why a clip of the first person is missing, by clip index.
        searched: How many faces were found in each frame that was searched for faces, by the
            frame's index.
        num_clips: How many clips each person should have.
        doubts: What is uncertain about the clips, in sentences.
        unshared: Why the faces were not taken from the given reference; '' if they were, or if no
            reference was given.
        unmasked: Why the given mask could not tell which of several people was meant; '' if it
            could, or was not needed.
        mask_lack: What the given mask lacks, although it could tell; '' if nothing.
    """

    info: VideoInfo
    frame_size: tuple[int, int]
    people: tuple[tuple[Clip, ...], ...]
    missing: Mapping[int, str]
    searched: Mapping[int, int]
    num_clips: int
    doubts: tuple[str, ...] = ()
    unshared: str = ""
    unmasked: str = ""
    mask_lack: str = ""


TYPES = (Extraction, Clip, Face, VideoInfo, Condition, fractions.Fraction)
"""The types in an extraction that is sent between processes (`fdd.system.plain_pickle`)."""


class TooShortError(VideoError):
    """A video that has fewer frames than a clip, or is shorter in time."""


class TooSlowError(VideoError):
    """A video whose frames are too far apart in time for a clip."""


class NoFaceError(VideoError):
    """A video in which no clip holds a face.

    Attributes:
        searched: As in `Extraction`.
    """

    def __init__(self, message: str, searched: Mapping[int, int]):
        super().__init__(message)
        self.searched = searched

    def __reduce__(self) -> tuple[type, tuple[str, Mapping[int, int]]]:
        # Pickling keeps both arguments.
        return type(self), (str(self), self.searched), self.__dict__
