"""TFDS builder: FaceForensics++ as clips of ten frames, one record each."""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from fdd.data import coverage, extraction, faceforensics, records, splits
from fdd.data.catalog import Video
from fdd.data.faceforensics import ALL_METHODS, METHODS, Selection
from fdd.errors import UserError, show_without_traceback
from fdd.video import clips
from fdd.video.clips import REGIONS, Preprocessing

_OUTCOMES = "outcomes"


@dataclasses.dataclass(eq=False)
class FaceForensicsConfig(tfds.core.BuilderConfig):
    """A choice of videos and of how clips are cut from them.

    Attributes:
        name: Follows from the other settings if it is left empty.

    The others are those of `fdd.data.faceforensics.Selection` and `fdd.video.clips.Preprocessing`.
    """

    name: str = ""
    compression: str = "c23"
    methods: Sequence[str] = METHODS
    drop_same_source: bool = False
    train_per_class: int = 0
    held_out_per_class: int = 0
    region: str = "face"
    margin: float = 1.3
    image_size: int = 224
    num_frames: int = 10
    sampling: str = "uniform"
    clips_per_video: int = 1
    jpeg_quality: int = 95

    def __post_init__(self):
        self.methods = tuple(self.methods)
        self.name = self.name or faceforensics.config_name(self.selection, self.preprocessing)

    @property
    def selection(self) -> Selection:
        """Which videos."""
        return Selection(**_values(self, Selection))

    @property
    def preprocessing(self) -> Preprocessing:
        """How clips are cut."""
        return Preprocessing(**_values(self, Preprocessing))


def _values(config: FaceForensicsConfig, kind: type) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(kind)}


_CLIPS = (("uniform", 1), ("first", 1), ("consecutive", 4))
_SEED = FaceForensicsConfig(
    name="seed",
    description="Full frames, 30 clips a video, up to 1500 videos per class of all methods.",
    methods=ALL_METHODS,
    train_per_class=1500,
    held_out_per_class=100,
    region="full_frame",
    sampling="consecutive",
    clips_per_video=30,
)


class Builder(tfds.core.GeneratorBasedBuilder):
    """Cuts the videos of a FaceForensics++ tree into clips, on the official splits."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = faceforensics.HOW_TO_OBTAIN
    BUILDER_CONFIGS = [
        *(
            FaceForensicsConfig(
                compression=compression,
                region=region,
                sampling=sampling,
                clips_per_video=clips_per_video,
                drop_same_source=strict,
            )
            for compression, region, (sampling, clips_per_video), strict in itertools.product(
                ("c23", "c40", "raw"), REGIONS, _CLIPS, (False, True)
            )
        ),
        _SEED,
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        spec = self.builder_config.preprocessing
        return self.dataset_info_from_configs(
            features=records.features(spec),
            homepage="https://github.com/ondyari/FaceForensics",
            metadata=tfds.core.MetadataDict(
                preprocessing=spec.description(),
                fingerprint=spec.fingerprint(),
                selection=dataclasses.asdict(self.builder_config.selection),
                libraries=clips.library_versions(),
            ),
        )

    def _download_and_prepare(
        self, dl_manager: tfds.download.DownloadManager, download_config: Any
    ) -> None:
        show_without_traceback()
        self._with_beam = bool(download_config.beam_options or download_config.beam_runner)
        super()._download_and_prepare(dl_manager, download_config)

    def _example_writer(self) -> records.DeterministicWriter:
        return records.DeterministicWriter(self.info.file_format)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        config = self.builder_config
        self._videos = faceforensics.find_videos(
            pathlib.Path(dl_manager.manual_dir), config.selection
        )
        if self._with_beam:
            return {split: self._beam_examples(split) for split in self._splits(self._videos)}
        folder = pathlib.Path(dl_manager.download_dir) / "fdd_clips"
        self._workspace = extraction.Workspace(folder, config.preprocessing)
        self._workspace.run(self._videos)
        outcomes = [result.outcome for result in self._workspace.results(self._videos)]
        self._report(outcomes)
        built = [outcome.video for outcome in outcomes if outcome.num_clips]
        return {split: self._generate_examples(split) for split in self._splits(built)}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for result in self._workspace.results(self._of_split(split)):
            yield from records.examples(result)

    def _beam_examples(self, split: str) -> Any:
        from fdd.data import beam_extraction  # Needs the extra `tfds`.

        outcomes = str(epath.Path(self.data_path) / f"{_OUTCOMES}-{split}")
        spec = self.builder_config.preprocessing
        return beam_extraction.extract(self._of_split(split), spec, outcomes)

    def _process_pipeline_result(self, pipeline_result: Any) -> None:
        files = sorted(epath.Path(self.data_path).glob(f"{_OUTCOMES}-*"))
        lines = [line for file in files for line in file.read_text().splitlines()]
        outcomes = [coverage.Outcome.from_json(line) for line in lines]
        self._report(sorted(outcomes, key=lambda outcome: outcome.video.video_id))
        for file in files:
            file.unlink()

    def _post_download_and_prepare_hook(self) -> None:
        if not self._with_beam:
            self._workspace.clear(self._videos)

    def _report(self, outcomes: Sequence[coverage.Outcome]) -> None:
        expected = faceforensics.expected_counts(self.builder_config.selection)
        rows = coverage.coverage(outcomes, expected)
        coverage.write(self.data_path, rows, outcomes)
        print(coverage.table(rows))
        print(coverage.class_sizes(outcomes))
        if not any(row.clips for row in rows):
            raise UserError(
                f"no clip could be cut from any video; the first one, {outcomes[0].video.path}: "
                f"{outcomes[0].error}"
            )

    def _splits(self, videos: Sequence[Video]) -> list[str]:
        return [split for split in splits.SPLITS if any(v.split == split for v in videos)]

    def _of_split(self, split: str) -> list[Video]:
        return [video for video in self._videos if video.split == split]
