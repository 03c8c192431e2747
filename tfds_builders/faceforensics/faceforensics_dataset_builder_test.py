"""TFDS's own checks of a builder, on drawn videos in the official layout (dummy_data/)."""

import pathlib

import pytest

pytest.importorskip("tensorflow", reason="needs the extra tfds")

import tensorflow_datasets as tfds

from fdd.tfds_builders.faceforensics import faceforensics_dataset_builder as module


class FaceForensicsTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = module.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["c23-face-uniform1x10-224px"]
    EXAMPLE_DIR = pathlib.Path(__file__).parent / "dummy_data"
    SPLITS = {"train": 4, "validation": 4, "test": 4}
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False  # Videos are read by FFmpeg, from local paths.
