"""From a config to an open data set, which is built first where that can be done."""

import dataclasses
import pathlib

import ml_collections
import tensorflow_datasets as tfds
from absl import logging

from fdd.data.faceforensics import Selection
from fdd.data.records import Dataset
from fdd.demo import DemoSpec, write_tree
from fdd.errors import UserError
from fdd.video.clips import Preprocessing


def open_dataset(data: ml_collections.ConfigDict) -> Dataset:
    """Opens the data set that `config.data` describes.

    If it has not been built and `data.manual_dir` says where the videos are, or `data.demo` how
    to draw some, it is built.

    Raises:
        UserError: a value is out of range, there is no such data set and nothing to build it from,
            or it was built with other preprocessing.
    """
    from tfds_builders.faceforensics import faceforensics_dataset_builder as module

    names = {
        field.name for kind in (Selection, Preprocessing) for field in dataclasses.fields(kind)
    }
    data_dir = pathlib.Path(data.data_dir).expanduser()
    try:
        config = module.FaceForensicsConfig(**{name: data[name] for name in names})
        spec = config.preprocessing
        demo = DemoSpec(**data.demo) if data.demo else None
    except ValueError as error:
        raise UserError(f"config.data: {error}") from None
    if demo:
        data_dir = data_dir / f"demo-{demo.fingerprint()}"
    builder = _builder(module.Builder, config, data_dir)
    if not (pathlib.Path(builder.data_dir) / "dataset_info.json").exists():
        manual_dir = pathlib.Path(data.manual_dir).expanduser() if data.manual_dir else None
        if demo:
            manual_dir = data_dir / "videos"
            write_tree(demo, manual_dir)
        if manual_dir is None:
            raise UserError(_how_to_build(builder.builder_config.name, data_dir))
        _build(builder, manual_dir)
    dataset = Dataset(builder.data_dir)
    if dataset.fingerprint != spec.fingerprint():
        raise UserError(
            f"{dataset.folder} was cut by another version of the video path (fingerprint "
            f"{dataset.fingerprint}, now {spec.fingerprint()}): delete it and build it again"
        )
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


def _how_to_build(name: str, data_dir: pathlib.Path) -> str:
    return (
        f"there is no data set faceforensics/{name} in {data_dir}; with your copy of "
        "FaceForensics++ in DIR, either add --config.data.manual_dir=DIR to this command, or run: "
        f"tfds build tfds_builders/faceforensics --config={name} --manual_dir=DIR "
        f"--data_dir={data_dir} --file_format=array_record (how to get a copy: "
        "tfds_builders/faceforensics/README.md)"
    )
