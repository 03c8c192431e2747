"""TFDS builder: FaceForensics++ as clips of ten frames, one record each."""

import dataclasses
import itertools
import pathlib
from collections.abc import Sequence

import tensorflow_datasets as tfds

from fdd.data import layouts, splits_file
from fdd.data.builder import ClipBuilder
from fdd.data.builders import faceforensics, faceforensics_tree
from fdd.data.builders.faceforensics import ALL_METHODS, METHODS, Selection
from fdd.data.catalog import Holdings
from fdd.data.clip_config import ClipConfig, standard_settings
from fdd.video.preprocessing import STORED


@dataclasses.dataclass(eq=False)
class FaceForensicsConfig(ClipConfig):
    """A choice of videos and of how clips are cut from them.

    The attributes beyond those of `ClipConfig` are those of
    `fdd.data.builders.faceforensics.Selection`.
    """

    compression: str = "c23"
    methods: Sequence[str] = METHODS
    drop_same_source: bool = False
    train_per_class: int = 0
    held_out_per_class: int = 0
    splits_file: str = ""

    def __post_init__(self):
        self.methods = tuple(self.methods)
        super().__post_init__()

    @property
    def selection(self) -> Selection:
        """Which videos."""
        return self.part(Selection)

    def settings_name(self) -> str:
        """See `fdd.data.builders.faceforensics.config_name`."""
        file = self.splits_file
        digest = splits_file.digest(file) if file else ""
        return faceforensics.config_name(self.selection, self.preprocessing, digest)


_REFERENCE = FaceForensicsConfig(
    name="seed",
    description="Full frames, 30 clips a video, up to 1500 videos per class of all methods.",
    methods=ALL_METHODS,
    train_per_class=1500,
    held_out_per_class=100,
    region="full_frame",
    sampling="consecutive",
    clips_per_video=30,
)


class Builder(ClipBuilder):
    """Cuts the videos of a FaceForensics++ tree into clips, on the official splits."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    LAYOUTS = layouts.FACE_FORENSICS
    MANUAL_DOWNLOAD_INSTRUCTIONS = faceforensics.HOW_TO_OBTAIN
    HOMEPAGE = "https://github.com/ondyari/FaceForensics"
    BUILDER_CONFIGS = [
        *(
            FaceForensicsConfig(compression=compression, drop_same_source=strict, **settings)
            for compression, settings, strict in itertools.product(
                ("c23", "c40", "raw"), standard_settings(), (False, True)
            )
        ),
        _REFERENCE,
    ]

    def survey(self, root: pathlib.Path) -> Holdings:
        """See `fdd.data.builders.faceforensics_tree.survey`."""
        config = self.builder_config
        return faceforensics_tree.survey(
            root, config.selection, config.region == STORED, config.layout
        )
