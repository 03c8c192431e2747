"""The config of a TFDS builder: how clips are cut, and of which splits."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import tensorflow_datasets as tfds

from fdd import declared_types
from fdd.data import layouts
from fdd.data.splits import SPLITS
from fdd.video.preprocessing import Preprocessing

Settings = TypeVar("Settings")
_USUAL_REGIONS = ("face", "full_frame")


@dataclasses.dataclass(eq=False)
class ClipConfig(tfds.core.BuilderConfig):
    """How clips are cut.

    Attributes:
        name: If it is empty, it is made from the other settings.
        splits: The splits to build.
        layout: Key of the layout that the videos must be found in; 'auto': any known layout.

    The other attributes are those of `fdd.video.preprocessing.Preprocessing`.
    """

    name: str = ""
    splits: Sequence[str] = SPLITS
    layout: str = layouts.AUTO
    region: str = Preprocessing.region
    margin: float = Preprocessing.margin
    image_size: int = Preprocessing.image_size
    num_frames: int = Preprocessing.num_frames
    sampling: str = Preprocessing.sampling
    clips_per_video: int = Preprocessing.clips_per_video
    spacing: float = Preprocessing.spacing
    jpeg_quality: int = Preprocessing.jpeg_quality
    alignment: str = Preprocessing.alignment

    def __post_init__(self):
        declared_types.settle(self)
        if not self.splits or not set(self.splits) <= set(SPLITS):
            raise ValueError(f"splits must be some of {', '.join(SPLITS)}, not {self.splits}")
        self.splits = tuple(split for split in SPLITS if split in self.splits)
        if not self.name:
            some = () if self.splits == SPLITS else ("+".join(self.splits),)
            held = () if self.layout == layouts.AUTO else (self.layout,)
            self.name = "-".join((self.settings_name(), *held, *some))

    @property
    def preprocessing(self) -> Preprocessing:
        """How clips are cut, as the video path takes it."""
        return self.part(Preprocessing)

    @property
    def selection(self) -> Any:
        """Which videos are used, as a dataclass for metadata.json; None if there is no choice."""
        return None

    def part(self, kind: type[Settings]) -> Settings:
        """An instance of a dataclass whose fields are all among these settings."""
        return kind(**{field.name: getattr(self, field.name) for field in dataclasses.fields(kind)})

    def settings(self) -> dict[str, Any]:
        """All settings by name; configs with equal settings make the same data set."""
        of_tfds = {field.name for field in dataclasses.fields(tfds.core.BuilderConfig)}
        names = {field.name for field in dataclasses.fields(self)} - of_tfds
        return {name: getattr(self, name) for name in sorted(names)}

    def settings_name(self) -> str:
        """A name that is different for different settings (except `splits`)."""
        return self.preprocessing.name()


def standard_settings() -> Iterator[dict[str, Any]]:
    """Yields the settings with a fixed name: each usual region with each usual sampling."""
    samplings = (("uniform", 1), ("first", 1), ("consecutive", 4))
    for region, (sampling, clips_per_video) in itertools.product(_USUAL_REGIONS, samplings):
        yield {"region": region, "sampling": sampling, "clips_per_video": clips_per_video}
