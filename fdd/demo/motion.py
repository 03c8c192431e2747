"""How a drawn person moves: smooth curves of time, one value per frame."""

import dataclasses

import numpy as np

BLINK_FRAMES = 7.0
"""Frames from the start of a blink to its end."""


@dataclasses.dataclass(frozen=True)
class MotionState:
    """One moment: everything that differs between two frames of a person.

    `yaw` (positive: to the viewer's right), `pitch` (positive: down) and `roll` are in radians,
    `shift_x` and `shift_y` in head units, `gaze_x`, `gaze_y` and `smile` from -1 to 1, `eye_open`
    and `mouth_open` from 0 to 1; `light` is a gain on everything that is lit.
    """

    yaw: float
    pitch: float
    roll: float
    shift_x: float
    shift_y: float
    gaze_x: float
    gaze_y: float
    eye_open: float
    mouth_open: float
    smile: float
    light: float


FIELDS = tuple(field.name for field in dataclasses.fields(MotionState))


@dataclasses.dataclass(frozen=True)
class Motion:
    """The states of a video in order: the fields of `MotionState`, each float64 [num_frames]."""

    yaw: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray
    shift_x: np.ndarray
    shift_y: np.ndarray
    gaze_x: np.ndarray
    gaze_y: np.ndarray
    eye_open: np.ndarray
    mouth_open: np.ndarray
    smile: np.ndarray
    light: np.ndarray

    def __len__(self) -> int:
        return len(self.yaw)

    def states(self) -> list[MotionState]:
        """One state per frame."""
        columns = (getattr(self, name).tolist() for name in FIELDS)
        rows = zip(*columns, strict=True)
        return [MotionState(**dict(zip(FIELDS, row, strict=True))) for row in rows]


def sample_motion(rng: np.random.Generator, num_frames: int) -> Motion:
    """Draws the motion of a video of `num_frames` frames."""

    def drift(amplitude: float, shortest: float, longest: float) -> np.ndarray:
        return amplitude * smooth_curve(rng, num_frames, shortest, longest)

    talking = 0.5 + 0.5 * smooth_curve(rng, num_frames, 30, 60)
    syllables = 0.5 + 0.5 * smooth_curve(rng, num_frames, 6, 10)
    return Motion(
        yaw=drift(0.3, 28, 70),
        pitch=drift(0.14, 28, 70),
        roll=drift(0.1, 30, 80),
        shift_x=drift(0.14, 30, 80),
        shift_y=drift(0.07, 26, 70),
        gaze_x=drift(0.8, 20, 50),
        gaze_y=drift(0.5, 20, 50),
        eye_open=1.0 - 0.8 * _blinks(rng, num_frames),
        mouth_open=talking * syllables,
        smile=drift(1.0, 30, 80),
        light=_light(rng, num_frames),
    )


def smooth_curve(
    rng: np.random.Generator, num_frames: int, shortest: float, longest: float
) -> np.ndarray:
    """A sum of three sines with periods (in frames) from `shortest` to `longest`.

    Returns:
        float64 [num_frames], within -1 to 1. A step from one frame to the next is at most
        2 pi / shortest.
    """
    time = np.arange(num_frames)
    weights = rng.uniform(0.4, 1.0, 3)
    periods = rng.uniform(shortest, longest, 3)
    phases = rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * time[:, None] / periods + phases)
    return waves @ (weights / weights.sum())


def _light(rng: np.random.Generator, num_frames: int) -> np.ndarray:
    """A gain that swings by 36 to 42 % with one period of 14 to 30 frames."""
    swing = rng.uniform(0.36, 0.42)
    period = rng.uniform(14, 30)
    phase = rng.uniform(0, 2 * np.pi)
    return 1.0 + swing * np.sin(2 * np.pi * np.arange(num_frames) / period + phase)


def _blinks(rng: np.random.Generator, num_frames: int) -> np.ndarray:
    """How far the lids are closed, 0 to 1: raised cosines, one blink per 24 to 60 frames."""
    time = np.arange(num_frames)
    shut = np.zeros(num_frames)
    middle = rng.uniform(0, 40)
    while middle < num_frames + BLINK_FRAMES:
        near = np.clip((time - middle) / BLINK_FRAMES, -0.5, 0.5)
        shut += 0.5 + 0.5 * np.cos(2 * np.pi * near)
        middle += rng.uniform(24, 60)
    return shut
