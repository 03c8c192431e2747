"""Everything that decides what clips a video gives, and its fingerprint."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import av
import cv2

from fdd import declared_types
from fdd.video import faces, sampling
from fdd.video.sampling import Plan

STORED = "stored"
REGIONS = ("face", "full_frame", STORED)
_VERSION = 2  # Raise it whenever a change in `fdd.video` changes the pixels of a clip.


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """Everything that decides what clips a video gives.

    Attributes:
        region: 'face': a square around the face, the same for all frames of a clip.
            'full_frame': the whole frame, whatever its aspect ratio. 'stored': frames that others
            have cropped and stored as pictures (`fdd.video.stored`). They are taken whole and in
            sequence, whatever the time between them.
        margin: Side of the square over the longer side of the face's box; used for faces only.
        image_size: Height and width of a clip's frames in pixels.
        num_frames: Frames per clip.
        sampling: See `fdd.video.sampling.plan`, as for the next two.
        clips_per_video: Clips per video.
        spacing: Seconds from one frame of a clip to the next, unless the clip is spread over the
            video. 0: frames are counted, whatever their times, as with stored frames.
        jpeg_quality: 0 to 100.
    """

    region: str = "face"
    margin: float = 1.3
    image_size: int = 224
    num_frames: int = 10
    sampling: str = "uniform"
    clips_per_video: int = 1
    spacing: float = 0.04
    jpeg_quality: int = 95

    def __post_init__(self):
        declared_types.settle(self)
        if self.region not in REGIONS:
            raise ValueError(f"region must be one of {', '.join(REGIONS)}, not '{self.region}'")
        sampling.check(self.num_frames, self.sampling, self.clips_per_video, self.spacing)
        if self.image_size < 1:
            raise ValueError(f"image_size must be at least 1, not {self.image_size}")
        if not self.margin > 0:
            raise ValueError(f"margin must be above 0, not {self.margin}")
        if not 0 <= self.jpeg_quality <= 100:
            raise ValueError(f"jpeg_quality must be from 0 to 100, not {self.jpeg_quality}")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Preprocessing":
        """Takes the fields that it needs from other settings, such as `config.data`.

        Raises:
            ValueError: a value is out of range.
        """
        return cls(**{field.name: settings[field.name] for field in dataclasses.fields(cls)})

    @property
    def finds_faces(self) -> bool:
        """Whether faces are searched. Otherwise a clip has neither a face's box nor landmarks.

        A data set whose clips have none holds zeros for the box, and its records have no field of
        landmarks at all.
        """
        return self.region == "face"

    def plan(self, seconds: Sequence[float]) -> Plan:
        """Chooses the frames of each clip of a video; see `fdd.video.sampling.plan`.

        Args:
            seconds: Time of every frame of the video, in order.
        """
        spacing = 0.0 if self.region == STORED else self.spacing
        return sampling.plan(seconds, self.num_frames, self.sampling, self.clips_per_video, spacing)

    def description(self) -> dict[str, object]:
        """All that the fingerprint covers, as JSON-compatible values."""
        detector = {"sha256": faces.DETECTOR_SHA256, "threshold": faces.SCORE_THRESHOLD}
        unknown = {"margin": "as stored", "spacing": "as stored"}  # Unknown: others chose them.
        return {
            **dataclasses.asdict(self),
            **(unknown if self.region == STORED else {}),
            "detector": detector if self.finds_faces else None,
            "version": _VERSION,
        }

    def name(self) -> str:
        """A readable name: 'face-consecutive4x10-224px', and all unusual settings."""
        clips = f"{self.sampling}{self.clips_per_video}x{self.num_frames}"
        parts = [self.region, clips, f"{self.image_size}px"]
        is_cut_here = self.region != STORED
        if is_cut_here and self.margin != Preprocessing.margin:
            parts.append(f"margin{_short(self.margin)}")
        if is_cut_here and self.spacing != Preprocessing.spacing:
            parts.append(f"spacing{_short(self.spacing)}")
        if self.jpeg_quality != Preprocessing.jpeg_quality:
            parts.append(f"quality{self.jpeg_quality}")
        return "-".join(parts)

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits; equal for equal preprocessing."""
        text = json.dumps(self.description(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _short(number: float) -> str:
    """A number in the fewest digits that identify it."""
    text = f"{number:g}"
    return text if float(text) == number else repr(number)


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decode and resize; stored, but not in the fingerprint."""
    ffmpeg = ".".join(map(str, av.library_versions["libavcodec"]))
    return {"opencv": cv2.__version__, "av": av.__version__, "libavcodec": ffmpeg}
