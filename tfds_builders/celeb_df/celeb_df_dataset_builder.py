"""TFDS builder: Celeb-DF (v2) as clips of ten frames, one record each."""

import pathlib
from collections.abc import Mapping

import tensorflow_datasets as tfds

from fdd.data import celeb_df
from fdd.data.builder import ClipBuilder, ClipConfig, standard_settings
from fdd.data.catalog import Video


class Builder(ClipBuilder):
    """Cuts the videos of Celeb-DF (v2) into clips, with the official test set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = celeb_df.HOW_TO_OBTAIN
    HOMEPAGE = celeb_df.HOMEPAGE
    BUILDER_CONFIGS = [ClipConfig(**settings) for settings in standard_settings()]

    def find_videos(self, root: pathlib.Path) -> list[Video]:
        """See `fdd.data.celeb_df.find_videos`."""
        return celeb_df.find_videos(root)

    def expected_counts(self, root: pathlib.Path) -> Mapping[tuple[str, str], int | None]:
        """See `fdd.data.celeb_df.expected_counts`."""
        return celeb_df.expected_counts(root)
