"""TFDS builder: FaceForensics++ as clips of ten frames, one record each."""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow_datasets as tfds

from fdd.data import coverage, extraction, faceforensics, records
from fdd.data.catalog import Video
from fdd.errors import UserError
from fdd.video.clips import REGIONS, Preprocessing


@dataclasses.dataclass(eq=False)
class FaceForensicsConfig(tfds.core.BuilderConfig):
    """A choice of videos and of how clips are cut from them.

    Attributes:
        name: Follows from the other settings.
        compression: 'raw', 'c23' or 'c40'.
        methods: Names of the forgery methods.

    The others are `fdd.video.clips.Preprocessing`'s.
    """

    name: str = ""
    compression: str = "c23"
    methods: Sequence[str] = faceforensics.METHODS
    region: str = "face"
    margin: float = 1.3
    image_size: int = 224
    num_frames: int = 10
    sampling: str = "uniform"
    clips_per_video: int = 1
    jpeg_quality: int = 95

    def __post_init__(self):
        self.methods = tuple(self.methods)
        self.name = faceforensics.config_name(self.compression, self.methods, self.preprocessing)

    @property
    def preprocessing(self) -> Preprocessing:
        """How clips are cut."""
        names = [field.name for field in dataclasses.fields(Preprocessing)]
        return Preprocessing(**{name: getattr(self, name) for name in names})


_CLIPS = (("uniform", 1), ("first", 1), ("consecutive", 4))


class Builder(tfds.core.GeneratorBasedBuilder):
    """Cuts the videos of a FaceForensics++ tree into clips, on the official splits."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = faceforensics.HOW_TO_OBTAIN
    BUILDER_CONFIGS = [
        FaceForensicsConfig(
            compression=compression, region=region, sampling=sampling, clips_per_video=clips
        )
        for compression, region, (sampling, clips) in itertools.product(
            ("c23", "c40", "raw"), REGIONS, _CLIPS
        )
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        spec = self.builder_config.preprocessing
        return self.dataset_info_from_configs(
            features=records.features(spec),
            homepage="https://github.com/ondyari/FaceForensics",
            metadata=tfds.core.MetadataDict(
                preprocessing=spec.description(), fingerprint=spec.fingerprint()
            ),
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        config = self.builder_config
        videos = faceforensics.find_videos(
            pathlib.Path(dl_manager.manual_dir), config.compression, config.methods
        )
        self._videos = videos
        self._workspace = extraction.Workspace(
            pathlib.Path(dl_manager.download_dir) / "fdd_clips", config.preprocessing
        )
        self._workspace.run(videos)
        rows = coverage.coverage(
            self._workspace.results(videos), faceforensics.expected_counts(config.methods)
        )
        coverage.write(pathlib.Path(self.data_path), rows, self._workspace.results(videos))
        print(coverage.table(rows))
        if not any(row.clips for row in rows):
            raise UserError("no clip could be cut from any video, see the table above")
        splits = [row.split for row in rows if row.clips]
        return {split: self._generate_examples(split) for split in dict.fromkeys(splits)}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for result in self._workspace.results(_of_split(self._videos, split)):
            yield from records.examples(result)

    def _post_download_and_prepare_hook(self) -> None:
        self._workspace.clear(self._videos)


def _of_split(videos: Sequence[Video], split: str) -> list[Video]:
    return [video for video in videos if video.split == split]
