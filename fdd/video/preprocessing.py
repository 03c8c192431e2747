"""Everything that decides what clips a video gives, and its fingerprint."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import av
import cv2
import PIL

from fdd import declared_types
from fdd.video import alignment, faces, landmarks, sampling
from fdd.video.sampling import Plan

STORED = "stored"
ALIGNED = "aligned_face"
REGIONS = ("face", "full_frame", STORED, ALIGNED)
_APART = 0.12  # Seconds between two frames that are searched for what alignment goes by.
_VERSION = 2  # Raise it whenever a change in `fdd.video` changes the pixels of a clip.


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """Everything that decides what clips a video gives.

    Attributes:
        region: 'face': a square around the face, the same for all frames of a clip.
            'full_frame': the whole frame, whatever its aspect ratio. 'stored': frames that others
            have cropped and stored as pictures (`fdd.video.stored`). They are taken whole and in
            sequence, whatever the time between them. 'aligned_face': each frame turned, scaled and
            shifted so that the face's landmarks lie on a template (`fdd.video.alignment`).
        margin: Side of the square over the longer side of the face's box, or of an aligned crop
            over that of the template's unit square; used for faces only.
        image_size: Height and width of a clip's frames in pixels.
        num_frames: Frames per clip.
        sampling: See `fdd.video.sampling.plan`, as for the next two.
        clips_per_video: Clips per video.
        spacing: Seconds from one frame of a clip to the next, unless the clip is spread over the
            video. 0: frames are counted, whatever their times, as with stored frames.
        jpeg_quality: 0 to 100.
        alignment: Of an aligned face. 'smoothed': by landmarks that were smoothed over the clip, of
            which frames at most 0.12 seconds apart are searched. 'per_frame': each frame by its own
            landmarks, all frames are searched, as GenD's authors do.
    """

    region: str = "face"
    margin: float = 1.3
    image_size: int = 224
    num_frames: int = 10
    sampling: str = "uniform"
    clips_per_video: int = 1
    spacing: float = 0.04
    jpeg_quality: int = 95
    alignment: str = alignment.KINDS[0]

    def __post_init__(self):
        declared_types.settle(self)
        if self.region not in REGIONS:
            raise ValueError(f"region must be one of {', '.join(REGIONS)}, not '{self.region}'")
        sampling.check(self.num_frames, self.sampling, self.clips_per_video, self.spacing)
        if self.image_size < 1:
            raise ValueError(f"image_size must be at least 1, not {self.image_size}")
        if not self.margin > 0:
            raise ValueError(f"margin must be above 0, not {self.margin}")
        if self.alignment not in alignment.KINDS:
            known = ", ".join(alignment.KINDS)
            raise ValueError(f"alignment must be one of {known}, not '{self.alignment}'")
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
        return self.region in ("face", ALIGNED)

    @property
    def apart(self) -> float:
        """Seconds that two frames of a clip that are searched may be apart; 0: all are searched."""
        if self.region != ALIGNED:
            return math.inf
        return _APART if self.alignment == "smoothed" else 0.0

    @property
    def smoothing(self) -> float:
        """How landmarks are smoothed; see `fdd.video.landmarks.over_time`."""
        as_found = self.region == ALIGNED and self.alignment == "per_frame"
        return 0.0 if as_found else landmarks.SMOOTHING

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
        settings = dataclasses.asdict(self)
        marks = {
            "version": landmarks.VERSION,
            "smoothing": self.smoothing,
            "refinements": alignment.REFINEMENTS,
        }
        aligns = {"template": alignment.TEMPLATE_NAME, "landmarks": marks}
        if self.region != ALIGNED:
            del settings["alignment"]  # Versions without alignment have the same fingerprints.
            aligns = {}
        return {
            **settings,
            **aligns,
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
        if self.region == ALIGNED and self.alignment != Preprocessing.alignment:
            parts.append(self.alignment)
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
    return {
        "opencv": cv2.__version__,
        "av": av.__version__,
        "libavcodec": ffmpeg,
        "pillow": PIL.__version__,
    }
