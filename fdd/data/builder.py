"""What all TFDS builders have in common: cutting videos into records, and reports about it.

A builder of one data set says which videos there are and how many there should be
(`ClipBuilder.survey`); everything else is here.
"""

import abc
import dataclasses
import inspect
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core.file_adapters import FileFormat

from fdd import tables
from fdd.data import (
    coverage,
    existing,
    extraction,
    identity,
    layout_checks,
    records,
    schema,
    turns,
    unfinished,
    writer,
)
from fdd.data.catalog import Holdings, Video
from fdd.data.layouts import Layout
from fdd.data.splits import SPLITS
from fdd.errors import UserError, disk_error_reason, first_line, show_without_traceback
from fdd.video import landmarks, preprocessing

_OUTCOMES = "outcomes"


class _LocalInfo(tfds.core.DatasetInfo):
    def initialize_from_bucket(self) -> None:
        """Does nothing: TFDS would look on the Internet, where it has only its own data sets."""


class ClipBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Cuts a data set's videos into clips, one record each.

    Attributes:
        HOMEPAGE: Where the data set is described.
        LAYOUTS: The layouts in which it may be stored.
    """

    HOMEPAGE: ClassVar[str | None] = None
    LAYOUTS: ClassVar[tuple[Layout, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """TFDS would look for a builder's README.md where its module's name says, which is wrong
        outside of packages, and for `fdd.tfds_builders` in a checkout."""
        super().__init_subclass__(**kwargs)
        cls.pkg_dir_path = epath.Path(inspect.getfile(cls)).parent

    @abc.abstractmethod
    def survey(self, root: pathlib.Path) -> Holdings:
        """Finds the videos in a user's folder.

        Args:
            root: What the user gave as manual_dir.

        Raises:
            UserError: there are no videos, or the folder's contents are not understood.
        """

    def find_videos(self, root: pathlib.Path) -> list[Video]:
        """Lists the videos in a user's folder; arguments and errors as in `survey`."""
        return self._survey(root).videos

    def key_of(self, sources: identity.Sources) -> str:
        """The key of the data set that this builder makes from these files."""
        config = self.builder_config
        settings = config.settings() | {"fingerprint": config.preprocessing.fingerprint()}
        del settings["alignment"]  # The fingerprint says it, and keys are older than alignment.
        return identity.key_of(self.name, settings, sources)

    def _survey(self, root: pathlib.Path) -> Holdings:
        wanted = self.builder_config.layout
        layout_checks.check_key(wanted, self.LAYOUTS)
        try:
            return layout_checks.settled(self.survey(root).without_empty(), root, wanted)
        except OSError as error:
            raise UserError(f"{root} cannot be searched: {error.strerror}") from None

    def _info(self) -> tfds.core.DatasetInfo:
        spec, selection = self.builder_config.preprocessing, self.builder_config.selection
        chosen = {} if selection is None else {"selection": dataclasses.asdict(selection)}
        if spec.finds_faces:
            chosen["landmarks"] = landmarks.description()
        described = self.get_metadata()
        return _LocalInfo(
            builder=self,
            description=described.description,
            citation=described.citation,
            features=schema.features(spec),
            homepage=self.HOMEPAGE,
            metadata=tfds.core.MetadataDict(
                preprocessing=spec.description(),
                fingerprint=spec.fingerprint(),
                **chosen,
                libraries=preprocessing.library_versions(),
            ),
        )

    def download_and_prepare(
        self, *, download_config: tfds.download.DownloadConfig | None = None, **others: Any
    ) -> None:
        """Builds the data set. If it is there already, it stays and its origin is printed.

        Raises:
            UserError: the data set that is there was built from another folder than the given
                manual_dir, there is nothing to build, or the disk is full.
        """
        show_without_traceback()
        config = download_config or tfds.download.DownloadConfig()
        with turns.taken(self._data_dir_root):
            self._prepare(config, **others)

    def _prepare(self, config: tfds.download.DownloadConfig, **others: Any) -> None:
        there = (pathlib.Path(self.data_dir) / "dataset_info.json").exists()
        if there and config.manual_dir and not config.download_mode.overwrite_dataset:
            dataset = records.Dataset(self.data_dir)
            existing.check_fingerprint(dataset, self.builder_config.preprocessing)
            existing.check_origin(
                dataset, existing.found_in(pathlib.Path(config.manual_dir), self.key_of)
            )
        super().download_and_prepare(download_config=config, **others)
        if os.path.isdir(self.data_dir) and self.info.file_format is FileFormat.ARRAY_RECORD:
            records.Dataset(self.data_dir).write_indices()

    def _download_and_prepare(
        self, dl_manager: tfds.download.DownloadManager, download_config: Any
    ) -> None:
        if not tables.is_utf8(self.data_dir):
            raise UserError(
                f"a data set cannot be kept in {tables.escaped(str(self.data_dir))}, whose name is "
                "not UTF-8: name another folder"
            )
        self._with_beam = bool(download_config.beam_options or download_config.beam_runner)
        if self._with_beam and set("*?[") & set(str(self.data_dir)):
            raise UserError(
                f"Beam reads *, ? and [ as patterns, so it cannot write to {self.data_dir}: name "
                "another folder"
            )
        try:
            with unfinished.claim(self.data_dir):
                super()._download_and_prepare(dl_manager, download_config)
        except Exception as error:
            if not (reason := disk_error_reason(error)):
                raise
            raise UserError(
                f"the data set cannot be written to {self.data_dir}: {reason}; make room or name "
                "another folder, and run the command again: finished clips are kept"
            ) from None

    def _example_writer(self) -> writer.DeterministicWriter:
        return writer.DeterministicWriter(self.info.file_format)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        config = self.builder_config
        root = _manual_dir(dl_manager)
        self._sources = identity.look(root)
        self._holdings = self._survey(root)
        self._root = root
        found = self._holdings.videos
        self._wanted = {v.video_id: v for v in found if v.split in config.splits}
        if not self._wanted:
            raise UserError(
                f"of the {len(found)} videos under {root} none is in the split "
                f"{' or '.join(config.splits)}"
            )
        self._videos = self._to_cut(found)
        if self._with_beam:
            return {split: self._beam_examples(split) for split in self._splits(self._wanted)}
        folder = pathlib.Path(dl_manager.download_dir) / "fdd_clips"
        self._workspace = extraction.Workspace(folder, config.preprocessing, found)
        self._workspace.run(self._videos)
        outcomes = [result.outcome for result in self._workspace.results(self._videos)]
        self._report(outcomes)
        built = [outcome.video.video_id for outcome in outcomes if outcome.num_clips]
        return {split: self._generate_examples(split) for split in self._splits(built)}

    def _to_cut(self, found: Sequence[Video]) -> list[Video]:
        """The wanted videos and the originals that those take their faces from."""
        scenes = {video.scene for video in self._wanted.values()}
        return [
            video
            for video in found
            if video.video_id in self._wanted or (video.label == "real" and video.scene in scenes)
        ]

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for result in self._workspace.results(self._scenes_of(split)):
            if result.video.split == split and result.video.video_id in self._wanted:
                yield from schema.examples(result)

    def _beam_examples(self, split: str) -> Any:
        import apache_beam as beam  # This and the next import need the extra `tfds`.

        from fdd.data import beam_extraction

        outcomes = str(epath.Path(self.data_path) / f"{_OUTCOMES}-{split}")
        spec = self.builder_config.preprocessing
        cut = beam_extraction.extract(self._scenes_of(split), spec, outcomes, self._holdings.videos)
        wanted = {name for name, video in self._wanted.items() if video.split == split}
        return cut | "Wanted" >> beam.Filter(_is_of, wanted)

    def _process_pipeline_result(self, pipeline_result: Any) -> None:
        files = sorted(epath.Path(self.data_path).glob(f"{_OUTCOMES}-*"))
        lines = [line for file in files for line in file.read_text().splitlines()]
        outcomes = [coverage.Outcome.from_json(line) for line in lines]
        by_id = {outcome.video.video_id: outcome for outcome in outcomes}  # Splits share scenes.
        self._report(list(by_id.values()))
        for file in files:
            file.unlink()

    def _post_download_and_prepare_hook(self) -> None:
        if not self._with_beam:
            self._workspace.clear(self._videos)

    def _report(self, outcomes: Sequence[coverage.Outcome]) -> None:
        wanted = (outcome for outcome in outcomes if outcome.video.video_id in self._wanted)
        outcomes = sorted(wanted, key=lambda outcome: outcome.video.video_id)
        key, counts = self.key_of(self._sources), coverage.class_counts(outcomes)
        origin = identity.Identity(
            key=key, manual_dir=os.path.abspath(self._root), built=identity.now(), videos=counts
        )
        identity.write(pathlib.Path(self.data_path), origin, self._sources)
        coverage.report(self.data_path, outcomes, self._holdings, self.builder_config.splits)

    def _splits(self, video_ids: Sequence[str] | Mapping[str, Any]) -> list[str]:
        present = {self._wanted[name].split for name in video_ids if name in self._wanted}
        return [split for split in SPLITS if split in present]

    def _scenes_of(self, split: str) -> list[Video]:
        """All videos to cut whose scenes have a video in the split."""
        scenes = {
            video.scene
            for video in self._videos
            if video.split == split and video.video_id in self._wanted
        }
        return [video for video in self._videos if video.scene in scenes]


def _manual_dir(dl_manager: tfds.download.DownloadManager) -> pathlib.Path:
    try:
        return pathlib.Path(dl_manager.manual_dir)
    except AssertionError as error:  # It is missing or empty.
        raise UserError(f"manual_dir: {first_line(error)}") from None


def _is_of(keyed: tuple[str, dict[str, Any]], video_ids: Set[str]) -> bool:
    """Whether a record is of one of these videos."""
    return keyed[1]["video_id"] in video_ids
