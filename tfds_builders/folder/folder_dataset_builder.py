"""TFDS builder: a folder of one's own videos as clips of ten frames, one record each."""

import pathlib
from collections.abc import Mapping

import tensorflow_datasets as tfds

from fdd.data import folder
from fdd.data.builder import ClipBuilder, ClipConfig, standard_settings
from fdd.data.catalog import Video


class Builder(ClipBuilder):
    """Cuts a folder of real and fake videos into clips."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = folder.HOW_TO_OBTAIN
    BUILDER_CONFIGS = [ClipConfig(**settings) for settings in standard_settings()]

    def find_videos(self, root: pathlib.Path) -> list[Video]:
        """See `fdd.data.folder.find_videos`."""
        return folder.find_videos(root)

    def expected_counts(self, root: pathlib.Path) -> Mapping[tuple[str, str], int | None]:
        """See `fdd.data.folder.expected_counts`."""
        return folder.expected_counts(root)
