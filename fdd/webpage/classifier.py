"""From a visitor's video to the answer; only the worker reads the video's bytes."""

import io
import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from fdd.errors import OutOfMemory
from fdd.inference import figure as evidence
from fdd.inference.detector import Detector
from fdd.inference.familiar import size_of
from fdd.inference.page import shown_clips
from fdd.video.extraction import Clip, Extraction
from fdd.video.preprocessing import Preprocessing
from fdd.video.sampling import middle
from fdd.webpage import answer
from fdd.webpage.limits import Limits, RejectedError
from fdd.webpage.uploads import Upload
from fdd.webpage.worker import Worker

_NO_MEMORY = "The server has not enough memory for this video at present. Please try again later."

Progress = Callable[[float, str], None]


class Classifier:
    """Classifies one video at a time."""

    def __init__(self, detector: Detector, worker: Worker, limits: Limits):
        """Compiles the network and measures its speed before the first visitor.

        Args:
            detector: Classifies the videos.
            worker: Decodes the videos.
            limits: The limits of a video.
        """
        self._detector, self._worker, self._limits = detector, worker, limits
        clip = _blank_clip(detector.preprocessing)
        detector.explain([clip])
        detector.look([clip])
        started = time.perf_counter()
        detector.look([clip])
        batch = next(detector.batches([clip]))["frames"]
        self._seconds_per_clip = (time.perf_counter() - started) / len(batch)

    def __call__(self, upload: Upload, progress: Progress) -> str:
        """Classifies a video.

        Args:
            upload: The video.
            progress: Shows the progress, from 0 to 1, and what is being done.

        Returns:
            The answer in HTML, including its pictures and the JSON.

        Raises:
            RejectedError: the video exceeds a limit, or there is not enough memory.
        """
        try:
            return self._answer(upload, progress)
        except (OutOfMemory, MemoryError):
            raise RejectedError(_NO_MEMORY) from None

    def _answer(self, upload: Upload, progress: Progress) -> str:
        deadline = time.monotonic() + self._limits.timeout
        progress(0.1, "Looking for faces")
        found = self._worker.cut(upload.path, deadline)
        if isinstance(found, Extraction):
            # The network cannot be stopped, so a crowd that would take too long is refused.
            needed = sum(map(len, found.people)) * self._seconds_per_clip
            if needed > deadline - time.monotonic():
                raise RejectedError(self._limits.too_slow())
        progress(0.5, "Classifying")
        prediction = self._detector.classify(upload.name, found, size_of(upload.path))
        clips = shown_clips(prediction, found)
        if not clips:
            return answer.page(prediction)
        progress(0.6, "Finding what the score depends on")
        saliency = self._detector.explain(clips)
        frames = self._middle_frames(upload, found, clips, deadline)
        progress(0.8, "Drawing")
        searched = {found.info.seconds(index): count for index, count in found.searched.items()}
        picture = io.BytesIO()
        evidence.draw(picture, prediction, clips, saliency, frames, searched, headline=False)
        return answer.page(prediction, picture.getvalue(), saliency.maps.shape[2:])

    def _middle_frames(
        self, upload: Upload, found: Extraction, clips: Sequence[Clip], deadline: float
    ) -> dict[int, np.ndarray]:
        """A whole frame from the middle of each clip, by the clip's index."""
        middles = {clip.index: middle(clip.frame_indices) for clip in clips}
        read = self._worker.frames(upload.path, found.info, list(middles.values()), deadline)
        return {clip: read[index] for clip, index in middles.items() if index in read}


def _blank_clip(spec: Preprocessing) -> Clip:
    size = spec.image_size
    image = cv2.imencode(".jpg", np.zeros((size, size, 3), np.uint8))[1].tobytes()
    indices = tuple(range(spec.num_frames))
    seconds = tuple(float(index) for index in indices)
    box = (0.0, 0.0, float(size), float(size))
    return Clip(
        index=0,
        frames=(image,) * spec.num_frames,
        frame_indices=indices,
        seconds=seconds,
        face=None,
        crop=box,
    )
