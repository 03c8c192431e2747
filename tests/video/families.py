"""Drawn families: an original and its fakes, with the numbers of frames that methods produce."""

import functools

import cv2
import numpy as np

from fdd.demo import drawing, identities, motion
from fdd.video import encode

SIDE = 160
LENGTHS = {
    "Deepfakes": lambda target, source: target,
    "FaceShifter": lambda target, source: target,
    "FaceSwap": min,
    "NeuralTextures": min,
    "Face2Face": lambda target, source: source,
}
"""Frames of a fake, by its target's and its source's; Face2Face's run backwards at the end."""


@functools.cache
def _head() -> np.ndarray:
    rng = np.random.default_rng(3)
    identity = identities.sample_identity(rng)
    return drawing.draw_frame(identity, motion.sample_motion(rng, 1).states()[0], SIDE)


def frame(index: int, tint: int = 0) -> np.ndarray:
    """A drawn head that is one pixel farther to the right in each frame."""
    shift = np.array([[1, 0, index - 16], [0, 1, 0]], float)
    moved = cv2.warpAffine(_head(), shift, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return cv2.subtract(moved, (tint,) * 3)


def shown(method: str, target: int, source: int) -> list[int]:
    """Which of the target's frames each frame of a fake shows."""
    count = LENGTHS[method](target, source)
    there_and_back = 2 * target - 2
    steps = (index % there_and_back for index in range(count))
    return [min(step, there_and_back - step) for step in steps]


def write_original(path, target: int, fps: int = 25, tint: int = 0) -> None:
    """Writes a target with this number of frames."""
    encode.write_video(path, [frame(index, tint) for index in range(target)], fps=fps)


def write_fake(path, method: str, target: int, source: int, fps: int = 25, tint: int = 0) -> None:
    """Writes a fake of two videos with these numbers of frames."""
    tint += 3 * list(LENGTHS).index(method) + 9
    frames = [frame(index, tint) for index in shown(method, target, source)]
    encode.write_video(path, frames, fps=fps)
