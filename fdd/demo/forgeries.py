"""The three forgeries of the demo: one in space, one in space and time, one in time alone.

All keep the identity, the motion and the room of the forged video; the first two change nothing
outside the soft mask of the inner face.
"""

import dataclasses

import cv2
import numpy as np

from fdd.demo import drawing, identities, motion

IDENTITY_SWAP = "DemoIdentitySwap"
FLICKER = "DemoFlicker"
REORDER = "DemoReorder"
METHODS = (IDENTITY_SWAP, FLICKER, REORDER)

WINDOW = 10
"""Frames among which DemoReorder shuffles."""

_SWAP_RESOLUTION = 0.33
_FLICKER_RESOLUTIONS = (0.3, 1.0)
_MOST_NEIGHBOURS = 1
_FEWEST_TURNS = 4


def identity_swap(
    frames: np.ndarray,
    masks: np.ndarray,
    target: identities.Identity,
    source: identities.Identity,
    motion_of_target: motion.Motion,
    rng: np.random.Generator,
) -> np.ndarray:
    """Gives the target the source's eyes, brows, nose and mouth, coarse and slightly off in colour.

    The inserted face moves like the target's. It has the target's skin colour except for a
    mismatch, which is drawn at random once per video, and a third of the resolution.

    Args:
        frames: The target's frames, uint8 [num_frames, size, size, 3], RGB.
        masks: Their inner faces, float32 [num_frames, size, size], 0 to 1.
        target: The person in the frames.
        source: The person whose face is inserted.
        motion_of_target: How the target moves, one state per frame.
        rng: Draws the mismatch.

    Returns:
        The forged frames, like `frames`.
    """
    size = frames.shape[1]
    gains = 1 + rng.choice((-1, 1)) * rng.uniform(0.05, 0.1) + rng.uniform(-0.05, 0.05, 3)
    gains = gains.astype(np.float32)
    graft = _graft(target, source)
    forged = np.empty_like(frames)
    for index, state in enumerate(motion_of_target.states()):
        face = _coarsened(drawing.draw_frame(graft, state, size), _SWAP_RESOLUTION) * gains
        forged[index] = _blend(frames[index], face, masks[index])
    return forged


def flicker(frames: np.ndarray, masks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Changes brightness, colour and sharpness of the inner face, differently in each frame.

    Args:
        frames: uint8 [num_frames, size, size, 3], RGB.
        masks: Their inner faces, float32 [num_frames, size, size], 0 to 1.
        rng: Draws each frame's gains and resolution.

    Returns:
        The forged frames, like `frames`.
    """
    brightness = rng.normal(0, 0.08, (len(frames), 1)).clip(-0.16, 0.16)
    colour = rng.normal(0, 0.045, (len(frames), 3)).clip(-0.09, 0.09)
    gains = (1 + brightness + colour).astype(np.float32)
    resolutions = rng.uniform(*_FLICKER_RESOLUTIONS, len(frames))
    forged = np.empty_like(frames)
    for index, frame in enumerate(frames):
        face = _coarsened(frame, resolutions[index]) * gains[index]
        forged[index] = _blend(frame, face, masks[index])
    return forged


def reorder(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffles the frames within each window of `WINDOW`, aligned with the video's beginning.

    Args:
        frames: [num_frames, ...]; the number of frames is a multiple of `WINDOW`.
        rng: Draws a `broken_order` for each window.

    Returns:
        The same frames, each window in another order.

    Raises:
        ValueError: The number of frames is not a multiple of `WINDOW`.
    """
    if len(frames) % WINDOW:
        raise ValueError(f"{len(frames)} frames are not a whole number of windows of {WINDOW}.")
    starts = range(0, len(frames), WINDOW)
    return frames[np.concatenate([start + broken_order(rng) for start in starts])]


def broken_order(rng: np.random.Generator) -> np.ndarray:
    """Draws a permutation that does not look like smooth motion, forwards, backwards or in leaps.

    Permutations are drawn with equal probability among those in which at most one of the 9 pairs of
    neighbours were neighbours before (in either direction), and in which the direction changes
    (from rising to falling or back) at 4 or more of the 8 inner positions.

    Returns:
        int64 [WINDOW], the numbers from 0.
    """
    while True:
        order = rng.permutation(WINDOW)
        steps = np.diff(order)
        neighbours = np.count_nonzero(np.abs(steps) == 1)
        turns = np.count_nonzero(steps[1:] * steps[:-1] < 0)
        if neighbours <= _MOST_NEIGHBOURS and turns >= _FEWEST_TURNS:
            return order


def _graft(target: identities.Identity, source: identities.Identity) -> identities.Identity:
    """The target's identity with the source's inner face."""
    return dataclasses.replace(
        target,
        eye_spacing=source.eye_spacing,
        eye_size=source.eye_size,
        eye_tilt=source.eye_tilt,
        iris=source.iris,
        brow_height=source.brow_height,
        brow_thickness=source.brow_thickness,
        brow_arch=source.brow_arch,
        nose_width=source.nose_width,
        nose_length=source.nose_length,
        mouth_width=source.mouth_width,
        lip_fullness=source.lip_fullness,
        lips=source.lips,
    )


def _coarsened(image: np.ndarray, resolution: float) -> np.ndarray:
    """Shrinks a square image to `resolution` of its size and enlarges it again."""
    size = len(image)
    small = (round(size * resolution),) * 2
    image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)


def _blend(frame: np.ndarray, face: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Blends float `face` into uint8 `frame` by `mask`; where it is 0, nothing changes."""
    below = frame.astype(np.float32)
    mixed = below + mask[..., None] * (face - below)
    return np.rint(mixed).clip(0, 255).astype(np.uint8)
