"""TFDS builder: DFDC and its preview as clips of ten frames, one record each."""

import pathlib

import tensorflow_datasets as tfds

from fdd.data import layouts
from fdd.data.builder import ClipBuilder
from fdd.data.builders import dfdc
from fdd.data.catalog import Holdings
from fdd.data.clip_config import ClipConfig, standard_settings


class Builder(ClipBuilder):
    """Cuts the videos of DFDC, or of its preview, into clips."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    LAYOUTS = (layouts.DFDC, layouts.DFDC_PREVIEW)
    MANUAL_DOWNLOAD_INSTRUCTIONS = dfdc.HOW_TO_OBTAIN
    HOMEPAGE = dfdc.HOMEPAGE
    BUILDER_CONFIGS = [ClipConfig(**settings) for settings in standard_settings()]

    def survey(self, root: pathlib.Path) -> Holdings:
        """See `fdd.data.builders.dfdc.survey`."""
        return dfdc.survey(root)
