"""TFDS builder: DFDC and its preview as clips of ten frames, one record each."""

import pathlib
from collections.abc import Mapping

import tensorflow_datasets as tfds

from fdd.data import dfdc
from fdd.data.builder import ClipBuilder, ClipConfig, standard_settings
from fdd.data.catalog import Video


class Builder(ClipBuilder):
    """Cuts the videos of DFDC, or of its preview, into clips."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = dfdc.HOW_TO_OBTAIN
    HOMEPAGE = dfdc.HOMEPAGE
    BUILDER_CONFIGS = [ClipConfig(**settings) for settings in standard_settings()]

    def find_videos(self, root: pathlib.Path) -> list[Video]:
        """See `fdd.data.dfdc.find_videos`."""
        return dfdc.find_videos(root)

    def expected_counts(self, root: pathlib.Path) -> Mapping[tuple[str, str], int | None]:
        """See `fdd.data.dfdc.expected_counts`."""
        return dfdc.expected_counts(root)
