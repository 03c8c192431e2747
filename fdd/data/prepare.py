"""From a config to an open data set, which is built first where that can be done."""

import dataclasses
import json
import pathlib
from typing import Any

import ml_collections
import tensorflow_datasets as tfds
from absl import logging

from fdd.data import coverage
from fdd.data.faceforensics import Selection
from fdd.data.records import Dataset
from fdd.demo import DemoSpec, write_tree
from fdd.errors import UserError
from fdd.video.clips import Preprocessing


def builder_config(data: ml_collections.ConfigDict) -> Any:
    """Returns the builder's config that `config.data` describes.

    Raises:
        UserError: a value is out of range.
    """
    from tfds_builders.faceforensics import faceforensics_dataset_builder as module

    names = {
        field.name for kind in (Selection, Preprocessing) for field in dataclasses.fields(kind)
    }
    try:
        return module.FaceForensicsConfig(**{name: data[name] for name in names})
    except ValueError as error:
        raise UserError(f"config.data: {error}") from None


def _demo(data: ml_collections.ConfigDict) -> DemoSpec | None:
    try:
        return DemoSpec(**data.demo) if data.demo else None
    except (TypeError, ValueError) as error:
        raise UserError(f"config.data.demo: {error}") from None


def _data_dir(data: ml_collections.ConfigDict) -> pathlib.Path:
    folder = pathlib.Path(data.data_dir).expanduser()
    demo = _demo(data)
    return folder / f"demo-{demo.fingerprint()}" if demo else folder


def videos_folder(data: ml_collections.ConfigDict) -> pathlib.Path | None:
    """Returns where the videos are that `config.data` builds from, if it says so."""
    if data.demo:
        return _data_dir(data) / "videos"
    return pathlib.Path(data.manual_dir).expanduser() if data.manual_dir else None


def open_dataset(data: ml_collections.ConfigDict) -> Dataset:
    """Opens the data set that `config.data` describes.

    If it has not been built and `data.manual_dir` says where the videos are, or `data.demo` how
    to draw some, it is built.

    Raises:
        UserError: a value is out of range, there is no such data set and nothing to build it from,
            or it was built with other preprocessing.
    """
    from tfds_builders.faceforensics import faceforensics_dataset_builder as module

    config = builder_config(data)
    spec, data_dir, demo = config.preprocessing, _data_dir(data), _demo(data)
    builder = _builder(module.Builder, config, data_dir)
    built = (pathlib.Path(builder.data_dir) / "dataset_info.json").exists()
    if not built:
        manual_dir = videos_folder(data)
        if demo:
            write_tree(demo, manual_dir)
        if manual_dir is None:
            raise UserError(_how_to_build(builder, data_dir))
        _build(builder, manual_dir)
    elif data.manual_dir:
        print(f"Taking {builder.data_dir}, built before; delete it to build it anew.")
    dataset = Dataset(builder.data_dir)
    if dataset.fingerprint != spec.fingerprint():
        raise UserError(
            f"{dataset.folder} was cut by another version of the video path (fingerprint "
            f"{dataset.fingerprint}, now {spec.fingerprint()}): delete it and build it again"
        )
    if missing := coverage.missing_methods(dataset.folder):
        print(f"{dataset.folder} was built without any video of {', '.join(missing)}.")
    return dataset


def _builder(
    builder_class: type[tfds.core.DatasetBuilder],
    config: tfds.core.BuilderConfig,
    data_dir: pathlib.Path,
) -> tfds.core.DatasetBuilder:
    same = (
        fixed.name
        for fixed in builder_class.BUILDER_CONFIGS
        if (fixed.selection, fixed.preprocessing) == (config.selection, config.preprocessing)
    )
    level = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # TFDS warns of every config that has no fixed name.
    try:
        return builder_class(
            config=next(same, config), data_dir=data_dir, file_format="array_record"
        )
    finally:
        logging.set_verbosity(level)


def _build(builder: tfds.core.DatasetBuilder, manual_dir: pathlib.Path) -> None:
    if not manual_dir.is_dir():
        raise UserError(f"config.data.manual_dir={manual_dir} is no folder")
    tfds.disable_progress_bar()  # The builder shows its own.
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )


def _how_to_build(builder: tfds.core.DatasetBuilder, data_dir: pathlib.Path) -> str:
    config = builder.builder_config
    option = config.name
    if config.name not in builder.builder_configs:
        kinds = (Selection, Preprocessing)
        settings = {
            field.name: getattr(config, field.name)
            for kind in kinds
            for field in dataclasses.fields(kind)
            if getattr(config, field.name) != field.default
        }
        option = f"'{json.dumps(settings)}'"
    return (
        f"there is no data set faceforensics/{config.name} in {data_dir}; with your copy of "
        "FaceForensics++ in DIR, either add --config.data.manual_dir=DIR to this command, or run: "
        f"tfds build tfds_builders/faceforensics --config={option} --manual_dir=DIR "
        f"--data_dir={data_dir} --file_format=array_record (how to get a copy: "
        "tfds_builders/faceforensics/README.md)"
    )
