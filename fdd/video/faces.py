"""Finding faces in frames."""

import dataclasses
import hashlib
import pathlib
import threading
from collections.abc import Sequence

import cv2
import numpy as np

from fdd.video.landmarks import NAMES, Points

DETECTOR_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
SCORE_THRESHOLD = 0.6
_DETECTOR_FILE = "face_detection_yunet_2023mar.onnx"
USUAL_SIDE = 640
"""In pixels: a larger image is first reduced so that its longer side has this length."""
OTHER_SIDES = (320, 1280, 2560, 4096)
"""Tried where the first search found nothing: for faces that fill the image, then smaller ones."""
SMALLEST_FACE = 20
"""In pixels of the searched image: of faces smaller than this, few are found."""


@dataclasses.dataclass(frozen=True)
class Face:
    """A face in an image.

    Attributes:
        box: (x0, y0, x1, y1) in pixels; may extend beyond the image's border.
        score: The detector's confidence, 0 to 1.
        landmarks: (x, y) in pixels of each of `fdd.video.landmarks.NAMES`; () where this is no
            single finding.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: Points = ()

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])


def _detector_path() -> pathlib.Path:
    path = pathlib.Path(__file__).parent / "yunet" / _DETECTOR_FILE
    if hashlib.sha256(path.read_bytes()).hexdigest() != DETECTOR_SHA256:
        raise RuntimeError(f"{path} is not the YuNet model this project was tested with")
    return path


_OF_THREAD = threading.local()  # A detector stores its image's size, so each thread has its own.


def _detector(name: str) -> cv2.FaceDetectorYN:
    if not hasattr(_OF_THREAD, name):
        cv2.setNumThreads(1)  # Fastest for one frame; several videos are processed at once.
        # OpenCV 5 warns of a "target" for each network that it opens, though none is asked for.
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            detector = cv2.FaceDetectorYN.create(
                str(_detector_path()), "", (320, 320), score_threshold=SCORE_THRESHOLD
            )
            setattr(_OF_THREAD, name, detector)
        finally:
            cv2.utils.logging.setLogLevel(level)
    return getattr(_OF_THREAD, name)


def detect_faces(
    image: np.ndarray, longest_side: int = USUAL_SIDE, is_crop: bool = False
) -> list[Face]:
    """Finds the faces of an image with YuNet.

    Args:
        image: uint8 [height, width, 3], RGB.
        longest_side: Larger images are reduced to this size before the search, in pixels.
        is_crop: Whether it is a crop. Crops, which are searched between whole frames, have their
            own detector: a change of the image's size takes as long as several searches.

    Returns:
        The faces, largest first.

    Raises:
        RuntimeError: the detector's model file is not the expected one.

    References:
        Wu, Peng, Yu: YuNet: A Tiny Millisecond-level Face Detector, 2023. A row of what OpenCV's
        `FaceDetectorYN.detect` gives is a box, five landmarks and the score; the landmarks stand
        in the order of `fdd.video.landmarks.NAMES`.
    """
    height, width = image.shape[:2]
    scale = min(1.0, longest_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if min(size) < SMALLEST_FACE:
        return []  # Too small for a face; the detector would find false ones.
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    if size != (width, height):
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    detector = _detector("of_crops" if is_crop else "detector")
    detector.setInputSize(size)
    _, rows = detector.detect(bgr)
    to_x, to_y = width / size[0], height / size[1]
    faces = []
    for x, y, w, h, *marks, score in rows if rows is not None else ():
        box = (x * to_x, y * to_y, (x + w) * to_x, (y + h) * to_y)
        pairs = np.reshape(marks, (len(NAMES), 2)).astype(float) * (to_x, to_y)
        points = tuple((float(across), float(down)) for across, down in pairs)
        faces.append(
            Face(box=tuple(float(value) for value in box), score=float(score), landmarks=points)
        )
    return sorted(faces, key=lambda face: -face.area)


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1), 0 to 1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(areas) - shared)
