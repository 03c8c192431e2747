"""Curves, and their projection onto a turned head.

Head units: x to the viewer's right, y down, z towards the viewer; the origin is the middle of the
head, and 1 is about half the height of a face.
"""

import numpy as np

from fdd.demo import motion

HEAD_SCALE = 0.27
"""Pixels of one head unit, as a fraction of the frame's side."""
HEAD_CENTRE = (0.5, 0.48)
"""The middle of a head that is not displaced, as a fraction of the frame's side."""


def closed_curve(corners: np.ndarray, steps: int = 6) -> np.ndarray:
    """Rounds a polygon: a closed Catmull-Rom spline through its corners.

    Args:
        corners: float [n, d].
        steps: Points per corner.

    Returns:
        float [n * steps, d].
    """
    return _catmull_rom(
        np.roll(corners, 1, 0), corners, np.roll(corners, -1, 0), np.roll(corners, -2, 0), steps
    )


def open_curve(corners: np.ndarray, steps: int = 6) -> np.ndarray:
    """Like `closed_curve`, from the first corner to the last: float [(n - 1) * steps + 1, d]."""
    padded = np.concatenate([corners[:1], corners, corners[-1:]])
    inner = _catmull_rom(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], steps)
    return np.concatenate([inner, corners[-1:]])


def _catmull_rom(
    before: np.ndarray, start: np.ndarray, end: np.ndarray, after: np.ndarray, steps: int
) -> np.ndarray:
    """Points on the segments from `start` to `end`, each [n, d]; without the last point."""
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (points[:, None] for points in (before, start, end, after))
    curve = 0.5 * (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return curve.reshape(-1, start.shape[-1])


def mirrored(half: np.ndarray) -> np.ndarray:
    """A closed outline from its right half, given from top to bottom: [n, 2] -> [2n, 2]."""
    return np.concatenate([half, half[::-1] * (-1, 1)])


def ellipse(centre: tuple[float, float], radii: tuple[float, float], count: int = 24) -> np.ndarray:
    """Points on an ellipse, float [count, 2]."""
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii + centre


def ribbon(path: np.ndarray, width: np.ndarray | float) -> np.ndarray:
    """The outline of a line: float [n, 2] and its width (a number or [n]) -> [2n, 2]."""
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across *= np.broadcast_to(np.asarray(width) / 2, len(path))[:, None]
    return np.concatenate([path + across, (path - across)[::-1]])


def on_face(points: np.ndarray, lift: float = 0.0) -> np.ndarray:
    """Projects flat points onto the front of the head.

    Args:
        points: float [n, 2].
        lift: Height above the surface.

    Returns:
        float [n, 3]; z is 0 at the edge of the head and outside it, and largest in the middle.
    """
    x, y = points[:, 0], points[:, 1]
    z = 0.75 * np.sqrt(np.maximum(0.0, 1 - x**2 - (y / 1.25) ** 2))
    return np.column_stack([x, y, z + lift])


def at_depth(points: np.ndarray, z: float) -> np.ndarray:
    """Flat points, float [n, 2], at one depth: [n, 3]."""
    return np.column_stack([points, np.full(len(points), z)])


def head_transform(state: motion.MotionState, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The parallel projection of a head at one moment.

    Returns:
        A matrix [3, 2] and an offset [2]: `points @ matrix + offset` are pixels of a frame with
        sides of `size`.
    """
    sin_yaw, cos_yaw = np.sin(state.yaw), np.cos(state.yaw)
    sin_pitch, cos_pitch = np.sin(state.pitch), np.cos(state.pitch)
    sin_roll, cos_roll = np.sin(state.roll), np.cos(state.roll)
    turned = np.array(
        [
            [cos_yaw, 0.0, sin_yaw],
            [-sin_yaw * sin_pitch, cos_pitch, cos_yaw * sin_pitch],
        ]
    )
    rolled = np.array([[cos_roll, -sin_roll], [sin_roll, cos_roll]]) @ turned
    scale = HEAD_SCALE * size
    offset = np.array(HEAD_CENTRE) * size + np.array([state.shift_x, state.shift_y]) * scale
    return rolled.T * scale, offset
