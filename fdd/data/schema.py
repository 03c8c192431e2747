"""What a record of a data set holds: its fields, and their values for a clip.

No TensorFlow is needed to write records, since frames are handed over as encoded JPEG.
"""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from fdd.data.catalog import LABELS
from fdd.data.extraction import Result
from fdd.video.extraction import Clip, Extraction
from fdd.video.landmarks import NAMES
from fdd.video.preprocessing import Preprocessing

LANDMARKS = "landmarks"
"""The field of landmarks, which data sets have whose faces were searched, unless they are older."""


def features(spec: Preprocessing) -> tfds.features.FeaturesDict:
    """The schema of a record; `tfds_builders/faceforensics/README.md` explains each field."""
    size, num_frames = spec.image_size, spec.num_frames
    image = tfds.features.Image(shape=(size, size, 3), encoding_format="jpeg")
    per_frame = tfds.features.Tensor
    marks = {}
    if spec.finds_faces:
        shape = (num_frames, len(NAMES), 2)
        marks[LANDMARKS] = tfds.features.Tensor(shape=shape, dtype=np.float32)
    return tfds.features.FeaturesDict(
        {
            "frames": tfds.features.Sequence(image, length=num_frames),
            "label": tfds.features.ClassLabel(names=LABELS),
            "method": tfds.features.Text(),
            "video_id": tfds.features.Text(),
            "target": tfds.features.Text(),
            "source": tfds.features.Text(),
            "compression": tfds.features.Text(),
            "file_sha256": tfds.features.Text(),
            "clip_index": np.int32,
            "frame_indices": per_frame(shape=(num_frames,), dtype=np.int32),
            "seconds": per_frame(shape=(num_frames,), dtype=np.float32),
            "fps": np.float32,
            "video_frames": np.int32,
            "file_bytes": np.int64,
            "video_height": np.int32,
            "video_width": np.int32,
            "face_box": tfds.features.Tensor(shape=(4,), dtype=np.float32),
            "face_score": np.float32,
            "crop_box": tfds.features.Tensor(shape=(4,), dtype=np.float32),
            **marks,
        }
    )


def examples(result: Result) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields (key, record) for every clip of a video that gave any."""
    if result.extraction is not None:
        for clip in result.extraction.people[0]:
            key = f"{result.video.video_id}/{clip.index:04d}"
            yield key, _example(result, result.extraction, clip)


def _example(result: Result, extraction: Extraction, clip: Clip) -> dict[str, Any]:
    video, position = result.video, extraction.info.position
    marks = {LANDMARKS: np.array(clip.landmarks, np.float32)} if clip.landmarks else {}
    return {
        "frames": [io.BytesIO(jpeg) for jpeg in clip.frames],
        "label": video.label,
        "method": video.method,
        "video_id": video.video_id,
        "target": video.target,
        "source": video.source,
        "compression": video.compression,
        "file_sha256": result.file_sha256,
        "clip_index": clip.index,
        "frame_indices": np.array([position(index) for index in clip.frame_indices], np.int32),
        "seconds": np.array(clip.seconds, np.float32),
        "fps": extraction.info.fps,
        "video_frames": extraction.info.num_frames,
        "file_bytes": result.file_bytes,
        "video_height": extraction.frame_size[0],
        "video_width": extraction.frame_size[1],
        "face_box": np.array(clip.face.box if clip.face else (0, 0, 0, 0), np.float32),
        "face_score": clip.face.score if clip.face else 0.0,
        "crop_box": np.array(clip.crop, np.float32),
        **marks,
    }
