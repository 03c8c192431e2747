"""Equal settings are equal in every type that configs, JSON and NumPy give."""

import numpy as np
import pytest

from fdd.data.clip_config import ClipConfig
from fdd.tfds_builders.faceforensics.faceforensics_dataset_builder import FaceForensicsConfig
from fdd.video.preprocessing import Preprocessing


@pytest.mark.parametrize("kind", [Preprocessing, ClipConfig])
@pytest.mark.parametrize(
    ("name", "one", "two"),
    [
        ("margin", 2.0, 2),
        ("margin", 2.0, np.float32(2)),
        ("spacing", 0.0, 0),
        ("spacing", 0.0, -0.0),
        ("spacing", 1.0, np.int64(1)),
        ("image_size", 64, 64.0),
        ("num_frames", 8, np.int32(8)),
        ("clips_per_video", 2, np.float64(2)),
        ("jpeg_quality", 90, 90.0),
    ],
)
def test_equal_values_are_one_fingerprint_and_one_name(kind, name, one, two):
    def described(value):
        made = kind(**{name: value})
        spec = made if kind is Preprocessing else made.preprocessing
        title = made.name() if kind is Preprocessing else made.name
        return title, spec.fingerprint(), type(getattr(made, name))

    assert described(one) == described(two)


@pytest.mark.parametrize("kind", [Preprocessing, ClipConfig])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"margin": "2"}, "margin must be a finite number, not '2'"),
        ({"margin": float("nan")}, "margin must be a finite number, not nan"),
        ({"margin": True}, "margin must be a finite number, not True"),
        ({"spacing": float("inf")}, "spacing must be a finite number, not inf"),
        ({"image_size": 64.5}, "image_size must be an integer, not 64.5"),
        ({"image_size": float("inf")}, "image_size must be an integer, not inf"),
        ({"num_frames": None}, "num_frames must be an integer, not None"),
        ({"jpeg_quality": False}, "jpeg_quality must be an integer, not False"),
    ],
)
def test_invalid_numbers_are_refused(kind, changes, message):
    with pytest.raises(ValueError, match=message):
        kind(**changes)


def test_a_choice_of_videos_too():
    config = FaceForensicsConfig(drop_same_source=1, train_per_class=5.0)
    assert (config.drop_same_source, config.train_per_class) == (True, 5)
    assert config.name == FaceForensicsConfig(drop_same_source=True, train_per_class=5).name
    with pytest.raises(ValueError, match="drop_same_source must be true or false, not 'no'"):
        FaceForensicsConfig(drop_same_source="no")


def test_margins_that_differ_have_names_that_differ():
    names = {Preprocessing(margin=margin).name() for margin in (1.3, 1.3000001, 1.5, 2, 2.0)}
    assert {name.partition("-margin")[2] for name in names} == {"", "1.3000001", "1.5", "2"}
