"""Which data set is used for a folder of videos, and the lines that are printed about it."""

import builtins
import io
import json
import os
import shutil
import subprocess

import pytest
import tensorflow_datasets as tfds

from fdd.data import identity
from fdd.data.records import Dataset
from fdd.errors import UserError
from fdd.runs import prepare
from fdd.tfds_builders.folder import folder_dataset_builder as module
from tests.conftest import tiny_config

PLACES = {
    split: (f"{split}/real/a{number}.mp4", f"{split}/fake/b{number}.mp4")
    for number, split in enumerate(("train", "validation", "test"))
}


def _own_videos(tree, root, shift=0):
    """A real and a fake video for each split, copied from the drawn tree."""
    real = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))
    fake = sorted(tree.glob("manipulated_sequences/DemoFlicker/c23/videos/*.mp4"))
    for number, (one, two) in enumerate(PLACES.values(), shift):
        for video, name in ((real[number], one), (fake[number], two)):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(video, root / name)
    return root


@pytest.fixture
def own(tree, tmp_path):
    """Two folders of videos, `a` and `b`, and a config for the user's own videos."""
    config = tiny_config(tmp_path / "data")
    config.data.builder, config.data.demo = "folder", None
    config.data.clips_per_video = 1
    config.data.manual_dir = str(_own_videos(tree, tmp_path / "a"))
    _own_videos(tree, tmp_path / "b", shift=3)
    return config


def _digests(dataset):
    return {row["file_sha256"] for split in dataset.splits for row in dataset.metadata(split)}


def test_two_folders_are_two_data_sets(own, tmp_path, capsys):
    first = prepare.open_dataset(own.data)
    own.data.manual_dir = str(tmp_path / "b")
    second = prepare.open_dataset(own.data)
    assert first.folder != second.folder
    assert first.key != second.key
    assert not _digests(first) & _digests(second)
    for folder, dataset in (("a", first), ("b", second)):
        capsys.readouterr()
        own.data.manual_dir = str(tmp_path / folder)
        assert prepare.open_dataset(own.data).folder == dataset.folder
        (line,) = capsys.readouterr().out.splitlines()
        assert line == (
            f"Data set {dataset.name}, key {dataset.key}, built {dataset.identity.built} UTC from "
            f"{tmp_path / folder}: train 1 real and 1 fake, validation 1 real and 1 fake, "
            f"test 1 real and 1 fake videos ({dataset.folder})"
        )
    own.data.manual_dir = ""
    with pytest.raises(UserError, match=r"holds 2 data sets with these settings: .*/a \(key"):
        prepare.open_dataset(own.data)


def test_changes_are_printed_with_the_command_that_rebuilds(own, tree, tmp_path, capsys):
    first = prepare.open_dataset(own.data)
    root = tmp_path / "a"
    (root / "train/real/a0.mp4").unlink()
    others = sorted(tree.glob("manipulated_sequences/DemoReorder/c23/videos/*.mp4"))[:4]
    for number, video in enumerate(others):
        shutil.copy(video, root / f"train/real/new{number}.mp4")
    os.utime(root / "test/real/a2.mp4", (1e9, 1e9))
    capsys.readouterr()
    again = prepare.open_dataset(own.data)
    assert again.folder == first.folder, "rebuilt in silence"
    said = capsys.readouterr().out.splitlines()[-1]
    command = f"rm -r {first.folder}"
    assert said == (
        f"Since then, in {root}: 4 files added (train/real/new0.mp4, train/real/new1.mp4, "
        "train/real/new2.mp4, …), 1 file removed (train/real/a0.mp4), 1 file changed "
        f"(test/real/a2.mp4). The data set is used as it was built; to build it again: {command}, "
        "then this command again"
    )
    subprocess.run(command.split(), check=True)
    new = prepare.open_dataset(own.data)
    assert new.key != first.key
    assert new.splits["train"] == 5
    own.data.manual_dir = ""  # Its folder of videos is looked into all the same.
    (root / "train/real/new0.mp4").unlink()
    capsys.readouterr()
    assert prepare.open_dataset(own.data).folder == new.folder
    assert "1 file removed (train/real/new0.mp4)" in capsys.readouterr().out


def test_a_folder_that_was_moved_gives_the_same_data_set(own, tmp_path, capsys):
    first = prepare.open_dataset(own.data)
    (tmp_path / "a").rename(tmp_path / "c")
    own.data.manual_dir = str(tmp_path / "c")
    capsys.readouterr()
    assert prepare.open_dataset(own.data).folder == first.folder
    assert capsys.readouterr().out.endswith(f"The same files are in {tmp_path / 'c'} now.\n")


@pytest.mark.parametrize("named", [True, False])
def test_a_data_set_is_used_without_its_videos(own, tmp_path, capsys, named):
    first = prepare.open_dataset(own.data)
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "data").rename(tmp_path / "copied")
    own.data.data_dir = str(tmp_path / "copied")
    if not named:
        own.data.manual_dir = ""
    capsys.readouterr()
    assert prepare.open_dataset(own.data).key == first.key
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        f"{tmp_path / 'a'} is no longer there: the data set is used as it was built."
    ]
    own.data.manual_dir = str(tmp_path / "mistyped")
    with pytest.raises(UserError, match=r"mistyped is no folder; the data sets there: .*/a \(key"):
        prepare.open_dataset(own.data)


def test_a_data_set_without_an_identity_loads_and_says_so(own, capsys):
    first = prepare.open_dataset(own.data)
    for name in (identity.IDENTITY_FILE, identity.SOURCES_FILE):
        (first.folder / name).unlink()
    capsys.readouterr()
    old = prepare.open_dataset(own.data)
    assert (old.folder, old.identity) == (first.folder, None)
    assert old.key == Dataset(first.folder).key != first.key
    (line,) = capsys.readouterr().out.splitlines()
    assert "train 2, validation 2, test 2 clips; what it was built from is not known" in line
    assert line.endswith(f"To build it again: rm -r {first.folder}, then this command again")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"key": 1}', b"\xff", b'{"key": "../../a", "manual_dir": "", '
     b'"built": "2026-01-31 12:00:00", "videos": {}}'],
)  # fmt: skip
def test_a_damaged_identity_is_one_line(dataset, tmp_path, content):
    folder = shutil.copytree(dataset.folder, tmp_path / "copy")
    (folder / identity.IDENTITY_FILE).write_bytes(content)
    with pytest.raises(UserError, match=r"identity\.json cannot be read \(.*\): put it back") as e:
        Dataset(folder)
    assert "\n" not in str(e.value)


def _build(data_dir, manual_dir, **mode):
    builder = module.Builder(
        config=module.FolderConfig(image_size=32), data_dir=data_dir, file_format="array_record"
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir, **mode)
    )
    return Dataset(builder.data_dir)


def test_tfds_does_not_take_the_data_set_of_another_folder(own, tmp_path, capsys):
    first = _build(tmp_path / "d", tmp_path / "a")
    capsys.readouterr()
    assert _build(tmp_path / "d", tmp_path / "a").key == first.key
    assert f"key {first.key}, built " in capsys.readouterr().out
    with pytest.raises(UserError, match=r"was built from .*/a \(key .*\), not from .*/b: give"):
        _build(tmp_path / "d", tmp_path / "b")
    (tmp_path / "a/train/real/a0.mp4").unlink()
    assert _build(tmp_path / "d", tmp_path / "a").key == first.key
    out = capsys.readouterr().out
    assert "1 file removed (train/real/a0.mp4)" in out
    assert "to build it again: the same command with --overwrite" in out


def test_what_tfds_built_is_found_and_has_the_same_key(own, tmp_path):
    built = _build(tmp_path / "data", tmp_path / "a")
    assert built.folder.parent.name == "face-uniform1x10-32px"
    own.data.sampling, own.data.clips_per_video = "uniform", 1
    own.data.split = ""  # As `tfds build` has it; the folder has splits of its own.
    assert prepare.open_dataset(own.data).folder == built.folder
    own.data.data_dir = str(tmp_path / "elsewhere")
    alone = prepare.open_dataset(own.data)
    assert alone.key == built.key
    assert alone.folder.parent.name == f"face-uniform1x10-32px-{built.key}"


def test_the_key_depends_on_settings_names_sizes_and_times(tmp_path):
    (tmp_path / "real").mkdir()
    file = tmp_path / "real/a.mp4"
    keys = []
    for content, when in ((b"1", 1e9), (b"22", 1e9), (b"22", 2e9)):
        file.write_bytes(content)
        os.utime(file, (when, when))
        keys.append(identity.key_of("folder", {"margin": 1.3}, identity.look(tmp_path)))
    sources = identity.look(tmp_path)
    keys.append(identity.key_of("celeb_df", {"margin": 1.3}, sources))
    keys.append(identity.key_of("folder", {"margin": 1.4}, sources))
    file.rename(tmp_path / "real/b.mp4")
    keys.append(identity.key_of("folder", {"margin": 1.3}, identity.look(tmp_path)))
    assert len(set(keys)) == len(keys)


def test_files_without_influence_are_not_in_the_key(tmp_path):
    for name in (
        *("real/a.mp4", "groups.csv", "masks/a.png"),
        *("real/.hidden.mp4", "real/tmpx", "notes.md", ".git/config.json"),
        *("runs/a/metrics.jsonl", "runs/a/report/roc.png", "runs/a/config.json"),
        *("data/folder/c/1.0.0/dataset_info.json", "data/folder/c/1.0.0/coverage.csv"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert set(identity.look(tmp_path)) == {"real/a.mp4", "groups.csv", "masks/a.png"}


def test_no_file_is_opened(tmp_path, monkeypatch):
    for name in ("a.mp4", "b.mp4", "groups.csv", "no_ending"):
        (tmp_path / name).touch()

    def refuse(*_, **__):
        raise AssertionError("a file is opened")

    for module_, name in ((builtins, "open"), (io, "open"), (os, "open")):
        monkeypatch.setattr(module_, name, refuse)
    assert len(identity.look(tmp_path)) == 3


@pytest.mark.thorough
def test_the_demo_drawn_again_is_the_same_data_set(config, dataset, tmp_path):
    config.data.data_dir = str(tmp_path)
    assert prepare.open_dataset(config.data).key == dataset.key
    assert json.loads((dataset.folder / identity.IDENTITY_FILE).read_text())["key"] == dataset.key


def test_a_key_of_another_version_is_no_change_of_the_files(own, capsys):
    file = prepare.open_dataset(own.data).folder / identity.IDENTITY_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | {"key": "0" * 8}))
    capsys.readouterr()
    prepare.open_dataset(own.data)
    assert "are unchanged; another version of fdd built it." in capsys.readouterr().out
