"""From a config to an open data set, which is built first where that can be done."""

import dataclasses
import importlib
import json
import pathlib
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import ml_collections
import tensorflow_datasets as tfds
from absl import logging

from fdd.data import coverage
from fdd.data.builder import ClipBuilder, ClipConfig
from fdd.data.records import Dataset
from fdd.demo import DemoSpec, write_tree
from fdd.errors import UserError
from fdd.system import home

BUILDERS = ("faceforensics", "celeb_df", "dfdc", "folder")


def create_builder(data: ml_collections.ConfigDict) -> ClipBuilder:
    """Returns the TFDS builder, with its config, that `config.data` describes.

    Raises:
        UserError: a value is out of range.
    """
    if data.builder not in BUILDERS:
        raise UserError(f"config.data.builder is '{data.builder}', known: {', '.join(BUILDERS)}")
    name = f"tfds_builders.{data.builder}.{data.builder}_dataset_builder"
    builder_class = importlib.import_module(name).Builder
    try:
        config = _config(type(builder_class.BUILDER_CONFIGS[0]), data)
    except ValueError as error:
        raise UserError(f"config.data: {error}") from None
    same = (
        fixed.name
        for fixed in builder_class.BUILDER_CONFIGS
        if _settings(fixed) == _settings(config)
    )
    level = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # TFDS warns of every config that has no fixed name.
    try:
        return builder_class(
            config=next(same, config), data_dir=_data_dir(data), file_format="array_record"
        )
    finally:
        logging.set_verbosity(level)


def _config(kind: type[ClipConfig], data: ml_collections.ConfigDict) -> ClipConfig:
    """`config.data`'s values for the settings that a builder has."""
    return kind(**{name: data[name] for name in _setting_names(kind)})


def _settings(config: ClipConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in _setting_names(type(config))}


def _setting_names(kind: type[ClipConfig]) -> list[str]:
    """What can be chosen in `config.data`."""
    not_chosen = {"splits", *(field.name for field in dataclasses.fields(tfds.core.BuilderConfig))}
    return [field.name for field in dataclasses.fields(kind) if field.name not in not_chosen]


def _demo(data: ml_collections.ConfigDict) -> DemoSpec | None:
    try:
        return DemoSpec(**data.demo) if data.demo else None
    except (TypeError, ValueError) as error:
        raise UserError(f"config.data.demo: {error}") from None


def _data_dir(data: ml_collections.ConfigDict) -> pathlib.Path:
    folder = home.expanded(data.data_dir)
    demo = _demo(data)
    return folder / f"demo-{demo.fingerprint()}" if demo else folder


def videos_folder(data: ml_collections.ConfigDict) -> pathlib.Path | None:
    """Returns where the videos are that `config.data` builds from, if it says so."""
    if data.demo:
        return _data_dir(data) / "videos"
    return home.expanded(data.manual_dir) if data.manual_dir else None


def open_dataset(data: ml_collections.ConfigDict) -> Dataset:
    """Opens the data set that `config.data` describes.

    If it has not been built and `data.manual_dir` says where the videos are, or `data.demo` how
    to draw some, it is built.

    Raises:
        UserError: a value is out of range, there is no such data set and nothing to build it from,
            or it was built with other preprocessing.
    """
    builder, demo = create_builder(data), _demo(data)
    spec = builder.builder_config.preprocessing
    built = (pathlib.Path(builder.data_dir) / "dataset_info.json").exists()
    if not built:
        manual_dir = videos_folder(data)
        if demo:
            _draw(demo, manual_dir)
        if manual_dir is None:
            raise UserError(_how_to_build(builder, data))
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


def _draw(demo: DemoSpec, folder: pathlib.Path) -> None:
    try:
        write_tree(demo, folder)
    except ValueError as error:  # The folder is damaged, or not the demo's.
        raise UserError(f"the demo cannot be drawn: {error}") from None
    except BrokenProcessPool:
        raise UserError(
            "a process that draws videos was killed, perhaps for want of memory; what is finished "
            "is kept, so run the command again"
        ) from None


def _build(builder: tfds.core.DatasetBuilder, manual_dir: pathlib.Path) -> None:
    if not manual_dir.is_dir():
        raise UserError(f"config.data.manual_dir={manual_dir} is no folder")
    tfds.disable_progress_bar()  # The builder shows its own.
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )


def _above(builder: ClipBuilder, folder: pathlib.Path) -> pathlib.Path | None:
    """The folder above this one in which the builder's data set is, if there is one."""
    inside = pathlib.Path(*pathlib.Path(builder.data_dir).parts[-3:])  # Name, config and version.
    return next((p for p in folder.absolute().parents if (p / inside).is_dir()), None)


def _how_to_build(builder: ClipBuilder, data: ml_collections.ConfigDict) -> str:
    config = builder.builder_config
    above = _above(builder, _data_dir(data))
    if above is not None:
        return (
            f"{data.data_dir} is inside a data folder, give the folder itself: "
            f"--config.data.data_dir={above}"
        )
    option = config.name
    if config.name not in builder.builder_configs:
        usual = _settings(type(config)())
        settings = {
            name: value for name, value in _settings(config).items() if value != usual[name]
        }
        option = f"'{json.dumps(settings)}'"
    return (
        f"there is no data set {builder.name}/{config.name} in {_data_dir(data)}; with the videos "
        "in DIR, either add --config.data.manual_dir=DIR to this command, or run: "
        f"tfds build tfds_builders/{builder.name} --config={option} --manual_dir=DIR "
        f"--data_dir={_data_dir(data)} --file_format=array_record (what DIR must hold: "
        f"tfds_builders/{builder.name}/README.md)"
    )
