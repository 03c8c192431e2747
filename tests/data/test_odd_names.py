"""Legal names that have a special meaning in patterns, shells, terminals or spreadsheets."""

import os
import shutil

import pytest
import tensorflow_datasets as tfds

from fdd import audit, tables
from fdd.data import records
from fdd.data.builders import folder
from fdd.data.clip_config import ClipConfig
from fdd.errors import UserError
from fdd.tfds_builders.folder import folder_dataset_builder as module
from tests.data.test_builder import _rows

NOT_UTF8 = os.fsdecode(b"caf\xe9")
FOLDERS = (
    "a[1]",
    "b*?",
    "{c}#%20 d",
    "e: ü 日本",
    "-f",
    "g@2",
    "[1:5]",
    "h" * 200,
    "i\nj",
    "$k'\"",
)


@pytest.fixture(scope="module")
def few(tree, tmp_path_factory):
    """Two real videos and a fake."""
    root = tmp_path_factory.mktemp("few")
    real = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[:2]
    fake = next(tree.glob("manipulated_sequences/DemoFlicker/c23/videos/*.mp4"))
    for source, name in zip((*real, fake), ("real/a.mp4", "real/b.mp4", "fake/c.mp4"), strict=True):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(source, root / name)
    return root


def _build(held, data_dir):
    builder = module.Builder(
        config=ClipConfig(image_size=32), data_dir=data_dir, file_format="array_record"
    )
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=held))
    return records.Dataset(builder.data_dir)


@pytest.mark.parametrize("name", FOLDERS, ids=range(len(FOLDERS)))
def test_folders(few, tmp_path, name):
    held, data = tmp_path / name / "held", tmp_path / name / "data"
    shutil.copytree(few, held)
    dataset = _build(held, data)
    assert dataset.splits == {"test": 3}
    again = records.Dataset(data)  # Searched for below.
    assert {row["video_id"] for row in again.metadata("test")} == {"real/a", "real/b", "fake/c"}
    assert again.source("test")[2]["frames"].shape == (10, 32, 32, 3)
    assert not _rows(dataset.folder / "failures.csv")
    assert audit.main([str(data)]) == 0


def test_a_manual_dir_that_is_no_utf8(few, tmp_path):
    held = tmp_path / NOT_UTF8
    shutil.copytree(few, held)
    dataset = _build(held, tmp_path / "data")
    assert dataset.splits == {"test": 3}
    assert not _rows(dataset.folder / "failures.csv")


def test_a_data_dir_that_is_no_utf8(few, tmp_path):
    """TFDS cannot write there; this is reported before any video is cut."""
    with pytest.raises(UserError, match=r"caf\\xe9.* UTF-8"):
        _build(few, tmp_path / NOT_UTF8)
    assert not list(tmp_path.rglob("*.pickle"))


def test_a_data_dir_that_beam_takes_for_a_pattern(few, tmp_path):
    beam = pytest.importorskip("apache_beam.options.pipeline_options", reason="needs tfds")
    builder = module.Builder(config="face-uniform1x10-224px", data_dir=tmp_path / "a[1]")
    with pytest.raises(UserError, match=r"Beam reads .* as patterns"):
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(
                manual_dir=few, beam_options=beam.PipelineOptions([])
            )
        )


NAMES = {  # Of fakes, and the id each gets.
    NOT_UTF8: r"fake/caf\xe9.mp4~2",
    r"caf\xe9": r"fake/caf\xe9.mp4",
    "a\rb\nc": r"a\rb\nc",
    "\x1b[31mred": r"\x1b[31mred",
    "x" * 240: "x" * 240,
    "| a | b": "| a | b",
    "=1+1,2;\"'": "=1+1,2;\"'",
    "日本 ü": "日本 ü",
    "a.b.c": "a.b.c",
    "-rf": "-rf",
}


def test_names_of_files(few, tmp_path):
    held = tmp_path / "held"
    shutil.copytree(few, held)
    (held / "fake/c.mp4").unlink()
    for number, name in enumerate(NAMES):
        video = (few / "fake/c.mp4").read_bytes()
        (held / f"fake/{name}.mp4").write_bytes(video + bytes(number))  # No two are the same.
        (held / f"fake/{name}.txt").touch()
    dataset = _build(held, tmp_path / "data")
    assert not _rows(dataset.folder / "failures.csv")
    found = {row["video_id"] for row in dataset.metadata("test") if row["label"]}
    assert found == {f"fake/{name}" for name in NAMES.values()}
    ignored = {row["path"] for row in _rows(dataset.folder / "ignored.csv")}
    assert r"fake/caf\xe9.txt" in ignored
    assert r"fake/\x1b[31mred.txt" in ignored
    assert len(_rows(dataset.folder / "ignored.csv")) == len(NAMES)


METHODS = ("$\\frac{", "\x1b[31mred", "| a | b", NOT_UTF8, "日本", "\u202egnp", "a\nb")


def test_names_of_methods(few, tmp_path, capsys):
    held = tmp_path / "held"
    shutil.copytree(few, held)
    for number, method in enumerate(METHODS):
        (held / "fake" / method).mkdir()
        video = (few / "fake/c.mp4").read_bytes()
        (held / "fake" / method / "c.mp4").write_bytes(video + bytes(1 + number))
    dataset = _build(held, tmp_path / "data")
    assert audit.main([str(dataset.folder)]) == 0
    out = capsys.readouterr().out
    assert all(char.isprintable() or char == "\n" for char in out)
    lines = out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("split "))
    rows = lines[start : start + 2 + len(METHODS) + 1]
    assert {tables.escaped(line) for line in rows} == set(rows)
    assert len({sum(1 + (char in "日本") for char in line) for line in rows}) == 1, rows
    methods = {row["method"] for row in dataset.metadata("test")}
    assert methods == {"real", "fake", *(tables.escaped(method) for method in METHODS)}


def test_two_methods_that_look_alike_stay_apart(few, tmp_path):
    for method, content in ((NOT_UTF8, b"1"), (r"caf\xe9", b"2")):
        (tmp_path / "fake" / method).mkdir(parents=True)
        (tmp_path / "fake" / method / "a.mp4").write_bytes(content)
    ids = [video.video_id for video in folder.survey(tmp_path).videos]
    assert len(set(ids)) == 2


def test_columns_keep_their_places():
    text = tables.aligned([["name", "n"], ["a\x1b[1mb", "10"], ["日本", "1"], ["é", "22"]])
    assert text.splitlines() == [
        "name        n",
        "a\\x1b[1mb  10",
        "日本        1",
        "é          22",
    ]
