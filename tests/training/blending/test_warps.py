import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from fdd.training.blending import face, warps
from fdd.training.blending.draws import Draws

pytestmark = pytest.mark.usefixtures("float64")

SIZE = 48
LANDMARKS = np.array([[18, 18], [30, 18], [24, 24], [19, 30], [29, 30]], float)


def _image(size=SIZE):
    return np.random.default_rng(0).uniform(0, 255, (size, size + 3, 3))


def test_sample_is_bilinear_and_repeats_the_border():
    image = _image()
    field = np.random.default_rng(1).uniform(-4, SIZE + 4, (20, 30, 2))
    places = [field[..., 1], field[..., 0]]
    expected = [
        scipy.ndimage.map_coordinates(image[..., channel], places, order=1, mode="nearest")
        for channel in range(3)
    ]
    out = warps.sample(jnp.asarray(image), jnp.asarray(field))
    np.testing.assert_allclose(out, np.stack(expected, axis=-1), atol=1e-9)


def test_the_grid_changes_nothing():
    image = _image()
    out = warps.sample(jnp.asarray(image), warps.grid(*image.shape[:2], jnp.float64))
    np.testing.assert_array_equal(out, image)


def test_a_picture_of_one_pixel():
    field = jnp.array([[[0.0, 0.0], [3.0, -2.0]]])
    np.testing.assert_array_equal(
        warps.sample(jnp.full((1, 1, 3), 7.0), field), np.full((1, 2, 3), 7)
    )


def test_moved_is_what_opencv_draws():
    image = _image()
    centre, scale, shift, angle = np.array([24.0, 23.0]), 1.2, np.array([3.0, -2.0]), 0.3
    points = warps.grid(*image.shape[:2], jnp.float64)
    field = warps.moved(points, jnp.asarray(centre), scale, jnp.asarray(shift), angle)
    # OpenCV turns the other way round, since its angles are for an upward y axis.
    matrix = cv2.getRotationMatrix2D(tuple(centre), -np.degrees(angle), scale)
    matrix[:, 2] += shift
    places = np.asarray(points).reshape(-1, 2)
    back = cv2.invertAffineTransform(matrix)
    expected = places @ back[:, :2].T + back[:, 2]
    np.testing.assert_allclose(np.asarray(field).reshape(-1, 2), expected, atol=1e-9)


def test_similarity_is_the_best_one():
    rng = np.random.default_rng(2)
    source, target = rng.normal(0, 10, (5, 2)), rng.normal(0, 10, (5, 2))
    matrix, shift = warps.similarity(jnp.asarray(source), jnp.asarray(target))
    # Linear in (a, b, x, y), where the matrix is [[a, -b], [b, a]].
    x, y, one, zero = *source.T, np.ones(5), np.zeros(5)
    rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, *offset = np.linalg.lstsq(rows, target.T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(matrix, [[a, -b], [b, a]], atol=1e-9)
    np.testing.assert_allclose(shift, offset, atol=1e-9)


def _drift(key, landmarks, **levels):
    settings = {"angle": 0.05, "scale": 0.05, "shift": 0.5} | levels
    return np.asarray(
        warps.drift(
            Draws(jax.random.key(key), 500),
            jnp.asarray(landmarks),
            face.axes(jnp.asarray(landmarks)),
            height=SIZE,
            width=SIZE,
            **settings,
        )
    )


def test_drift_moves_the_parts_of_a_face_and_nothing_else():
    field = _drift(0, np.stack([LANDMARKS] * 6))
    moved = np.linalg.norm(field, axis=-1)
    assert (moved[:, 24, 24] > 0).all()
    assert moved[:, :3].max() < 1e-2
    # At most the shift and what turn and growth do at the reach of each of four parts.
    assert 0.1 < moved.max() < 4 * (0.5 * 2**0.5 + 0.11 * 0.4 * 12)


def test_drift_is_each_frames_own():
    """Frames differ though the face is the same, and a frame's drift knows only its own face."""
    still = np.stack([LANDMARKS] * 4)
    field = _drift(1, still)
    for a in range(4):
        for b in range(a):
            assert np.abs(field[a] - field[b]).max() > 0.02
    elsewhere = still.copy()
    elsewhere[2] += 3
    other = _drift(1, elsewhere)
    np.testing.assert_array_equal(other[[0, 1, 3]], field[[0, 1, 3]])
    assert np.abs(other[2] - field[2]).max() > 0.02


def test_without_magnitude_nothing_drifts():
    assert not _drift(2, LANDMARKS[None], angle=0.0, scale=0.0, shift=0.0).any()


def test_a_part_drifts_as_moved_says_at_its_middle():
    """At an eye the field is the eye's own shift: other parts weigh less than a thousandth there.

    The other eye's weight is exp(-(80 / (0.32 × 89))²) = 0.0004, at a unit of 89 pixels; those of
    the mouth and of the nose, which lies far away here, are smaller.
    """
    far = np.array([[10, 10], [90, 10], [50, 500], [85, 90], [95, 90]], float)
    field = _drift(3, far[None], angle=0.0, scale=0.0, shift=2.0)
    draws = Draws(jax.random.key(3), 500)
    _, _, x, y = np.asarray(draws.uniform(-1, 1, (4, 1)))[:, 0]
    np.testing.assert_allclose(field[0, 10, 10], [-2 * x, -2 * y], atol=2 * 2e-3)


def test_elastic_is_smooth_and_of_unit_size():
    many = [
        np.asarray(warps.elastic(Draws(jax.random.key(key), 100), SIZE, SIZE, jnp.float64))
        for key in range(40)
    ]
    assert 0.6 < np.sqrt(np.mean(np.square(many))) < 1.2
    assert max(np.abs(np.diff(each, axis=0)).max() for each in many) < 1
