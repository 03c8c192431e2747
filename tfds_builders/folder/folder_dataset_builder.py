"""TFDS builder: a folder of one's own videos as clips of ten frames, one record each."""

import pathlib

import tensorflow_datasets as tfds

from fdd.data.builder import ClipBuilder, ClipConfig, standard_settings
from fdd.data.builders import folder
from fdd.data.catalog import Holdings


class Builder(ClipBuilder):
    """Cuts a folder of real and fake videos into clips."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = folder.HOW_TO_OBTAIN
    BUILDER_CONFIGS = [ClipConfig(**settings) for settings in standard_settings()]

    def survey(self, root: pathlib.Path) -> Holdings:
        """See `fdd.data.builders.folder.survey`."""
        return folder.survey(root)
