"""From a config to an open data set, which is built first if necessary and possible."""

import dataclasses
import importlib
import inspect
import json
import pathlib
import shlex
from concurrent.futures.process import BrokenProcessPool

import ml_collections
import tensorflow_datasets as tfds
from absl import logging

from fdd import parts
from fdd.data import coverage_lists, existing, turns
from fdd.data.builder import ClipBuilder
from fdd.data.clip_config import ClipConfig
from fdd.data.records import Dataset
from fdd.demo import DemoSpec, write_tree
from fdd.errors import UserError
from fdd.runs import divided
from fdd.system import home

BUILDERS = {
    name: f"fdd.tfds_builders.{name}.{name}_dataset_builder"
    for name in ("faceforensics", "celeb_df", "dfdc", "folder")
}
"""Modules of the library's builders; imported when they are needed."""


def create_builder(data: ml_collections.ConfigDict, key: str = "") -> ClipBuilder:
    """Returns the TFDS builder, with its config, that `config.data` describes.

    Args:
        data: `config.data`.
        key: Suffix of the config's name, if any: data sets from several folders of videos with the
            same settings are stored beside each other.

    Raises:
        UserError: a value is out of range.
    """
    builder_class = parts.find("data.builder", data.builder, BUILDERS)
    if isinstance(builder_class, str):
        builder_class = importlib.import_module(builder_class).Builder
    if not (isinstance(builder_class, type) and issubclass(builder_class, ClipBuilder)):
        raise UserError(
            f"config.data.builder is '{data.builder}', which is no subclass of "
            "fdd.data.builder.ClipBuilder"
        )
    try:
        config = _config(type(builder_class.BUILDER_CONFIGS[0]), data)
    except ValueError as error:
        raise UserError(f"config.data: {error}") from None
    fixed = builder_class.BUILDER_CONFIGS
    config = next((each for each in fixed if each.settings() == config.settings()), config)
    if key:
        config = dataclasses.replace(config, name=f"{config.name}-{key}")
    level = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # TFDS warns about every config without a fixed name.
    try:
        return builder_class(config=config, data_dir=_data_dir(data), file_format="array_record")
    finally:
        logging.set_verbosity(level)


def _config(kind: type[ClipConfig], data: ml_collections.ConfigDict) -> ClipConfig:
    """The builder's config with the values of `config.data`."""
    return kind(**{name: data[name] for name in kind().settings() if name != "splits"})


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
    """Returns the folder of the videos that `config.data` names, if any."""
    if data.demo:
        return _data_dir(data) / "videos"
    return home.expanded(data.manual_dir) if data.manual_dir else None


def open_dataset(data: ml_collections.ConfigDict) -> Dataset:
    """Opens the data set that `config.data` describes.

    If it has not been built, it is built: from the videos in `data.manual_dir`, into a folder whose
    name ends with its key (`fdd.data.identity`); or, with `data.demo`, from drawn videos, into the
    demo's own folder. A data set that exists is used as it is, and lines say which it is and what
    has changed in its folder of videos. A data set whose videos are in folders of splits is used
    whatever `data.split` says.

    Raises:
        UserError: a value is out of range, there is no such data set and nothing to build it from,
            it is not clear which one is meant, or it was built with other preprocessing.
    """
    builder, folder = create_builder(data), videos_folder(data)
    found = existing.found_in(folder, builder.key_of) if folder else None
    place = pathlib.Path(builder.data_dir)
    chosen = _demos(place) if data.demo else existing.choose(existing.built(place), found)
    if chosen is None and (other := divided.in_own_splits(builder, _with_split(data), folder)):
        chosen, found, builder = other
        print("The videos are in folders of splits, so config.data.split is not used.")
    if chosen is None:
        dataset = Dataset(_build(builder, data, found))
        existing.check_fingerprint(dataset, builder.builder_config.preprocessing)
    else:
        dataset = Dataset(chosen)
        existing.check_fingerprint(dataset, builder.builder_config.preprocessing)
        if found is None and dataset.identity:
            found = existing.found_in(pathlib.Path(dataset.identity.manual_dir), builder.key_of)
        rebuild = f"rm -r {shlex.quote(str(dataset.folder))}, then this command again"
        for line in existing.lines(dataset, found, rebuild):
            print(line)
    if missing := coverage_lists.missing_methods(dataset.folder):
        print(f"{dataset.folder} was built without any video of {', '.join(missing)}.")
    return dataset


def _with_split(data: ml_collections.ConfigDict) -> divided.Create:
    """Returns a function that creates `data`'s builder with another `split`."""

    def create(split: str) -> ClipBuilder:
        changed = data.copy_and_resolve_references()
        changed.split = split
        return create_builder(changed)

    return create


def _demos(place: pathlib.Path) -> pathlib.Path | None:
    """The demo's data set, if it exists; it has its own folder."""
    return place if place in existing.built(place) else None


def _build(
    builder: ClipBuilder, data: ml_collections.ConfigDict, found: existing.Found | None
) -> pathlib.Path:
    """Builds the data set, after drawing its videos if it is the demo's; returns its folder."""
    if found is None:
        raise UserError(_how_to_build(builder, data))
    if demo := _demo(data):
        with turns.taken(found.folder.parent):
            _draw(demo, found.folder)
    else:
        builder = create_builder(data, found.key)
    tfds.disable_progress_bar()  # The builder shows its own bar.
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=found.folder)
    )
    return pathlib.Path(builder.data_dir)


def _draw(demo: DemoSpec, folder: pathlib.Path) -> None:
    try:
        write_tree(demo, folder)
    except ValueError as error:  # The folder is damaged, or not the demo's.
        raise UserError(f"the demo cannot be drawn: {error}") from None
    except BrokenProcessPool:
        raise UserError(
            "a process that draws videos was killed, perhaps because memory ran out; finished work "
            "is kept, so run the command again"
        ) from None


def _above(builder: ClipBuilder, folder: pathlib.Path) -> pathlib.Path | None:
    """The folder above this one in which the builder's data set is, if there is one."""
    inside = pathlib.Path(*pathlib.Path(builder.data_dir).parts[-3:])  # Name, config and version.
    return next((p for p in folder.absolute().parents if existing.built(p / inside)), None)


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
        usual = type(config)().settings()
        settings = {
            name: value for name, value in config.settings().items() if value != usual[name]
        }
        option = f"'{json.dumps(settings)}'"
    place = _shortest(pathlib.Path(inspect.getfile(type(builder))).parent)
    return (
        f"there is no data set {builder.name}/{config.name} in {_data_dir(data)}"
        f"{divided.hint(builder, _with_split(data))}; with the videos "
        "in DIR, either add --config.data.manual_dir=DIR to this command, or run: "
        f"tfds build {shlex.quote(str(place))} --config={option} --manual_dir=DIR "
        f"--data_dir={_data_dir(data)} --file_format=array_record (what DIR must hold: "
        f"{place / 'README.md'})"
    )


def _shortest(folder: pathlib.Path) -> pathlib.Path:
    """A folder's path from the working folder, where it is inside of that."""
    here = pathlib.Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
