"""TFDS builder: Celeb-DF (v2) as clips of ten frames, one record each."""

import pathlib

import tensorflow_datasets as tfds

from fdd.data import layouts
from fdd.data.builder import ClipBuilder
from fdd.data.builders import celeb_df
from fdd.data.catalog import Holdings
from fdd.data.clip_config import ClipConfig, standard_settings


class Builder(ClipBuilder):
    """Cuts the videos of Celeb-DF (v2) into clips, with the official test set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    LAYOUTS = (layouts.CELEB_DF, layouts.CELEB_DF_PLUS)
    MANUAL_DOWNLOAD_INSTRUCTIONS = celeb_df.HOW_TO_OBTAIN
    HOMEPAGE = celeb_df.HOMEPAGE
    BUILDER_CONFIGS = [ClipConfig(**settings) for settings in standard_settings()]

    def survey(self, root: pathlib.Path) -> Holdings:
        """See `fdd.data.builders.celeb_df.survey`."""
        return celeb_df.survey(root)
