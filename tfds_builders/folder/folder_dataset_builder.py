"""TFDS builder: a folder of one's own videos as clips of ten frames, one record each."""

import dataclasses
import pathlib

import tensorflow_datasets as tfds

from fdd.data import layouts
from fdd.data.builder import ClipBuilder
from fdd.data.builders import folder
from fdd.data.catalog import Holdings
from fdd.data.clip_config import ClipConfig, standard_settings
from fdd.data.division import Division


@dataclasses.dataclass(eq=False)
class FolderConfig(ClipConfig):
    """How clips are cut, and how videos that come without splits are divided.

    Attributes:
        split: Fractions of train, validation and test, '0.7,0.15,0.15'; '': all are for testing.

    The others are those of `ClipConfig`.
    """

    split: str = ""

    def __post_init__(self):
        division = Division.parse(self.split)
        self.split = division.text() if division else ""
        super().__post_init__()

    @property
    def selection(self) -> Division | None:
        """How videos are divided."""
        return Division.parse(self.split)

    def settings_name(self) -> str:
        """See `ClipConfig.settings_name`."""
        division = Division.parse(self.split)
        parts = (f"split{division.text('+')}",) if division else ()
        return "-".join((self.preprocessing.name(), *parts))


class Builder(ClipBuilder):
    """Cuts a folder of real and fake videos into clips."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    LAYOUTS = layouts.FOLDER
    MANUAL_DOWNLOAD_INSTRUCTIONS = folder.HOW_TO_OBTAIN
    BUILDER_CONFIGS = [FolderConfig(**settings) for settings in standard_settings()]

    def survey(self, root: pathlib.Path) -> Holdings:
        """See `fdd.data.builders.folder.survey`."""
        return folder.survey(root, self.builder_config.selection)
