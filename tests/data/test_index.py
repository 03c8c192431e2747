"""The index of a split holds the fields of its records without the frames."""

import shutil

import numpy as np
import pytest

from fdd.data import identity, index
from fdd.data.records import Dataset


@pytest.fixture
def copy(dataset, tmp_path):
    """A copy of the data set."""
    return shutil.copytree(dataset.folder, tmp_path.joinpath(*dataset.folder.parts[-3:]))


def _assert_equal(rows, others):
    assert len(rows) == len(others) > 0
    for row, other in zip(rows, others, strict=True):
        assert row.keys() == other.keys()
        for name, value in row.items():
            assert type(value) is type(other[name]), name
            np.testing.assert_array_equal(value, other[name])
            assert getattr(value, "dtype", None) == getattr(other[name], "dtype", None), name


def _decoded(folder, split):
    """The fields as they are in the records themselves."""
    records = Dataset(folder).source(split)
    return [records.fields(number) for number in range(len(records))]


def test_it_is_written_when_a_data_set_is_built_and_holds_what_the_records_hold(dataset):
    for split in dataset.splits:
        _assert_equal(index.read(dataset.folder, split), _decoded(dataset.folder, split))


def test_metadata_reads_it_and_no_record(copy, monkeypatch):
    monkeypatch.setattr("fdd.data.records.Records.fields", None)
    rows = Dataset(copy).metadata("test")
    assert {"target_person", "video_id", "crop_box"} <= rows[0].keys()


@pytest.mark.parametrize("harm", ["missing", "empty", "cut", "changed"])
def test_without_a_valid_index_the_records_are_read_and_it_is_written(copy, harm):
    file = index.path(copy, "test")
    good = file.read_bytes()
    if harm == "missing":
        file.unlink()
    else:
        middle = len(good) // 2
        changed = good[:middle] + bytes(64) + good[middle + 64 :]
        file.write_bytes({"empty": b"", "cut": good[:-40], "changed": changed}[harm])
    assert index.read(copy, "test") is None
    rows = Dataset(copy).metadata("test")
    assert [row["clip_index"] for row in rows] == [
        row["clip_index"] for row in _decoded(copy, "test")
    ]
    assert file.read_bytes() == good
    assert not list(copy.glob(".index*"))


def test_an_index_of_other_records_is_not_used(copy):
    shutil.copy(index.path(copy, "train"), index.path(copy, "test"))
    assert index.read(copy, "test") is None
    Dataset(copy).metadata("test")
    _assert_equal(index.read(copy, "test"), _decoded(copy, "test"))


def test_a_data_set_that_cannot_be_written_is_read(copy, monkeypatch):
    index.path(copy, "test").unlink()

    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("fdd.data.index.os.replace", refuse)
    assert Dataset(copy).metadata("test")
    assert not index.path(copy, "test").exists()
    assert not list(copy.glob(".index*"))


def test_the_index_does_not_change_the_key(copy):
    before = identity.stand_in(copy)
    index.path(copy, "test").unlink()
    assert identity.stand_in(copy) == before
