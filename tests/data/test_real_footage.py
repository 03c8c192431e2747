"""Data sets of real footage, from a small tree that is not distributed."""

import pytest
import tensorflow_datasets as tfds

from fdd.data import records
from fdd.tfds_builders.faceforensics import faceforensics_dataset_builder as module
from tests.data.test_builder import _build, _rows

# Each region, sampling and selection once; the other ready-made configs mix the same.
CONFIGS = (
    pytest.param("seed", marks=pytest.mark.thorough),
    "c23-face-consecutive4x10-224px-strict",
    "c23-full_frame-uniform1x10-224px",
)


@pytest.fixture
def few_ffpp(shared, tmp_path):
    """Links to a pair of each split: 6 videos, and 2 fakes of each of 6."""
    folder, people = tmp_path / "few", {"012", "026", "672", "720", "054", "071"}
    for path in (shared / "mini_ffpp").rglob("*.mp4"):
        if people.issuperset(path.stem.split("_")):
            link = folder / path.relative_to(shared / "mini_ffpp")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return folder


@pytest.mark.parametrize("name", CONFIGS)
def test_configs_build_from_real_footage(few_ffpp, tmp_path, name):
    builder = module.Builder(config=name, data_dir=tmp_path, file_format="array_record")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=few_ffpp))
    dataset = records.Dataset(builder.data_dir)
    assert not _rows(dataset.folder / "failures.csv")
    rows = _rows(dataset.folder / "coverage.csv")
    assert sum(int(row["built"]) for row in rows) == 6 + 2 * 6
    assert builder.builder_config.name == name


def test_real_footage(shared, tmp_path):
    dataset = _build(
        tmp_path, shared / "mini_ffpp", methods=("Deepfakes", "FaceSwap"), clips_per_video=1
    )
    assert dataset.splits == {"train": 30, "validation": 6, "test": 12}
    assert not _rows(dataset.folder / "failures.csv")
    targets = {
        split: {row["target"] for row in dataset.metadata(split)} for split in dataset.splits
    }
    assert {split: len(ids) for split, ids in targets.items()} == {
        "train": 10,
        "validation": 2,
        "test": 4,
    }
