import jax.numpy as jnp
import numpy as np
import pytest

from fdd.training.blending import face

pytestmark = pytest.mark.usefixtures("float64")

FRONT = np.array([[40, 50], [60, 50], [50, 60], [43, 70], [57, 70]], float)


def _turned(points, angle, scale=1.0, shift=(0.0, 0.0)):
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    return points @ np.array([[cos, sin], [-sin, cos]]) + shift


def _depths(name, points, landmarks=FRONT):
    axes = face.axes(jnp.asarray(landmarks))
    return np.asarray(face.inside(axes.of(jnp.asarray(points)), jnp.array(face.MASKS[name])))


def test_the_axes_of_a_face_seen_from_the_front():
    axes = face.axes(jnp.asarray(FRONT))
    np.testing.assert_allclose(axes.of(jnp.asarray(FRONT))[:2], [[-0.5, 0], [0.5, 0]], atol=1e-12)
    np.testing.assert_allclose(axes.of(jnp.array([[50.0, 70.0]])), [[0, 1]], atol=1e-12)


@pytest.mark.parametrize("angle", [0.4, -2.0, np.pi])
def test_they_turn_and_grow_with_the_face(angle):
    points = np.random.default_rng(0).uniform(30, 80, (9, 2))
    before = face.axes(jnp.asarray(FRONT)).of(jnp.asarray(points))
    change = {"angle": angle, "scale": 2.5, "shift": (10, -4)}
    axes = face.axes(jnp.asarray(_turned(FRONT, **change)))
    after = axes.of(jnp.asarray(_turned(points, **change)))
    np.testing.assert_allclose(after, before, atol=1e-9)
    np.testing.assert_allclose(axes.pixels(after), _turned(points, **change), atol=1e-9)


def test_the_order_of_the_eyes_mirrors_and_changes_no_mask():
    swapped = FRONT[[1, 0, 2, 4, 3]]
    points = np.random.default_rng(1).uniform(30, 80, (50, 2))
    for name in face.MASKS:
        one, other = _depths(name, points), _depths(name, points, swapped)
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_a_face_from_the_side_has_axes_of_its_height():
    side = np.array([[50, 50], [50.5, 50], [42, 60], [48, 70], [48.5, 70]], float)
    axes = face.axes(jnp.asarray(side))
    assert 18 < float(axes.unit) < 22
    assert float(axes.down @ jnp.array([0.0, 1.0])) > 0.9


@pytest.mark.parametrize(
    ("name", "eyes", "nose", "mouth"),
    [
        ("whole_face", True, True, True),
        ("inner_face", True, True, True),
        ("narrow_face", None, True, True),
        ("lower_face", False, True, True),
        ("eyes", True, None, False),
    ],
)
def test_what_each_mask_covers(name, eyes, nose, mouth):
    depths = _depths(name, FRONT)
    for expected, found in ((eyes, depths[:2]), (nose, depths[2:3]), (mouth, depths[3:])):
        if expected is not None:
            assert ((found > 0) == expected).all(), name
    assert (_depths(name, np.array([[5.0, 5.0], [95, 95], [50, 110]])) < 0).all()


def test_a_soft_edge():
    depth = jnp.linspace(-1, 1, 201)
    half, within = (np.asarray(face.soft_edge(depth, 0.4, inside)) for inside in (False, True))
    assert (np.diff(half) >= 0).all()
    np.testing.assert_allclose(half[[79, 100, 121]], [0, 0.5, 1], atol=1e-12)
    np.testing.assert_allclose(within[[100, 120, 141]], [0, 0.5, 1], atol=1e-12)
