import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils import gcs_utils

from fdd.data import coverage, coverage_lists, extraction, records
from fdd.data.builders import faceforensics, faceforensics_tree
from fdd.data.builders.faceforensics import Selection
from fdd.errors import UserError
from fdd.runs import prepare
from fdd.tfds_builders.faceforensics import faceforensics_dataset_builder as module
from fdd.video import encode
from fdd.video.preprocessing import Preprocessing
from tests.conftest import disk

ROOT = pathlib.Path(__file__).parents[2]
METHODS = ("DemoIdentitySwap", "DemoFlicker", "DemoReorder")
SETTINGS = {"methods": METHODS, "image_size": 32, "sampling": "consecutive", "clips_per_video": 2}


def _build(data_dir, manual_dir, **changes):
    config = module.FaceForensicsConfig(**{**SETTINGS, **changes})
    builder = module.Builder(config=config, data_dir=data_dir, file_format="array_record")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )
    return records.Dataset(builder.data_dir)


def _rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def _files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.array_record*"))}


def test_records(dataset):
    assert dataset.splits == {"train": 48, "validation": 16, "test": 32}
    rows = dataset.metadata("test")
    assert len({(row["video_id"], row["clip_index"]) for row in rows}) == 32
    real = [row for row in rows if row["method"] == "youtube"]
    assert len(real) == 8
    assert {row["label"] for row in real} == {0}
    for row in rows:
        assert row["label"] == int(row["method"] != "youtube")
        stem = row["target"] if row["label"] == 0 else f"{row['target']}_{row['source']}"
        assert row["video_id"] == f"{row['method']}/{stem}"
        start = row["clip_index"] * 10
        assert row["frame_indices"].tolist() == list(range(start, start + 10))
        np.testing.assert_allclose(row["seconds"], np.arange(start, start + 10) / 25, atol=1e-6)
        x0, y0, x1, y1 = row["face_box"]
        assert 0 < x1 - x0 < row["video_width"]
        assert 0 < y1 - y0 < row["video_height"]
        assert row["face_score"] > 0.6
    frames = dataset.source("test")[0]["frames"]
    assert len(frames) == 10
    assert {(frame.shape, frame.dtype.name) for frame in frames} == {((32, 32, 3), "uint8")}


def test_fakes_are_cropped_as_their_originals(dataset):
    boxes = {}
    for row in dataset.metadata("train"):
        boxes.setdefault((row["target"], row["clip_index"]), set()).add(tuple(row["crop_box"]))
    assert all(len(crops) == 1 for crops in boxes.values())


def test_coverage_of_a_partial_tree(tree, tmp_path):
    held = tmp_path / "held"
    shutil.copytree(tree, held)
    shutil.rmtree(held / "manipulated_sequences/DemoReorder")
    removed = sorted(held.glob("manipulated_sequences/DemoFlicker/c23/videos/*.mp4"))[0]
    removed.unlink()
    methods = ("DemoFlicker", "Deepfakes")
    dataset = _build(tmp_path / "data", held, methods=methods, clips_per_video=1)
    rows = {(row["split"], row["method"]): row for row in _rows(dataset.folder / "coverage.csv")}
    assert len(rows) == 9
    assert sum(int(rows[split, "youtube"]["built"]) for split in faceforensics.splits.SPLITS) == 12
    assert sum(int(row["built"]) for row in rows.values()) == 12 + 11
    assert rows["train", "Deepfakes"]["expected"] == "720"
    assert rows["train", "Deepfakes"]["found"] == "0"
    assert not _rows(dataset.folder / "failures.csv")


def test_what_fails_is_named_and_the_rest_is_built(tree, tmp_path):
    held = tmp_path / "held"
    shutil.copytree(tree, held)
    videos = sorted(held.glob("manipulated_sequences/DemoFlicker/c23/videos/*.mp4"))
    videos[0].write_bytes(b"no video")
    encode.write_video(videos[1], [np.full((64, 64, 3), 9, np.uint8)] * 20, fps=25)
    dataset = _build(tmp_path / "data", held, methods=("DemoFlicker",))
    reasons = {row["video_id"]: row["reason"] for row in _rows(dataset.folder / "failures.csv")}
    assert set(reasons) == {f"DemoFlicker/{path.stem}" for path in videos[:2]}
    assert "cannot be opened" in reasons[f"DemoFlicker/{videos[0].stem}"]
    assert "no face" in reasons[f"DemoFlicker/{videos[1].stem}"]
    assert sum(dataset.splits.values()) == (24 - 2) * 2
    failed = sum(int(row["failed"]) for row in _rows(dataset.folder / "coverage.csv"))
    assert failed == 2


def test_the_same_bytes_every_time(tree, tmp_path, dataset):
    again = _build(tmp_path, tree)
    assert again.fingerprint == dataset.fingerprint
    assert _files(again.folder) == _files(dataset.folder)
    assert not list((tmp_path / "downloads/fdd_clips").iterdir())


def test_finished_videos_are_not_cut_again(tree, tmp_path, monkeypatch):
    videos = faceforensics_tree.survey(tree, Selection(methods=METHODS)).videos
    spec = Preprocessing(image_size=32)
    workspace = extraction.Workspace(tmp_path, spec)
    first = videos[: len(videos) // 2]
    workspace.run(first, num_processes=1)
    done = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.pickle")}
    assert done
    workspace.run(videos, num_processes=2)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.pickle")}
    assert after.items() >= {p: t for p, t in done.items() if p in after}.items()
    results = list(workspace.results(videos))
    assert {result.video.video_id for result in results} == {video.video_id for video in videos}
    assert all(result.extraction for result in results)
    workspace.clear(videos)
    workspace.clear(first)
    assert not list(tmp_path.rglob("*.pickle"))


def test_a_folder_that_is_no_data_set(tmp_path):
    with pytest.raises(UserError, match="holds no data set"):
        records.Dataset(tmp_path)


@pytest.mark.parametrize("place", ["faceforensics", "faceforensics/{config}/1.0.0"])
def test_a_folder_inside_the_data_folder_is_named(config, dataset, place):
    data = dataset.folder.parents[2]
    config.data.demo = None
    config.data.data_dir = str(data / place.format(config=dataset.folder.parent.name))
    with pytest.raises(UserError, match=f"give the folder itself: --config.data.data_dir={data}"):
        prepare.open_dataset(config.data)


@pytest.mark.parametrize("content", [None, b"", b"a,b\n1,2\n", b"\xff", b'"', b"split\ntest\n"])
def test_damaged_lists_end_with_one_line(dataset, tmp_path, content):
    for name in (coverage.COVERAGE_FILE, coverage.FAILURES_FILE):
        folder = tmp_path / name
        shutil.copytree(dataset.folder, folder)
        (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
        try:
            assert coverage_lists.failures(folder, "test")[1] == {}
        except UserError as error:
            assert "build it again" in str(error) and "\n" not in str(error)
        else:
            assert content in (b"", b'"')


def test_unknown_split(dataset):
    with pytest.raises(UserError, match="no split 'val', only"):
        dataset.source("val")


def test_config_name_follows_from_settings():
    config = module.FaceForensicsConfig(**SETTINGS)
    assert config.name == ("c23-face-consecutive2x10-32px-DemoIdentitySwap+DemoFlicker+DemoReorder")
    assert config.preprocessing == Preprocessing(
        image_size=32, sampling="consecutive", clips_per_video=2
    )
    names = [each.name for each in module.Builder.BUILDER_CONFIGS]
    assert names[0] == "c23-face-uniform1x10-224px"
    assert len(set(names)) == len(names)


def test_no_tensorflow_is_imported(tree, tmp_path):
    code = f"""
import sys
if __name__ == "__main__":
    from tests.data import test_builder
    dataset = test_builder._build({str(tmp_path)!r}, {str(tree)!r}, clips_per_video=1)
    next(iter(dataset.source("train")))
    assert "tensorflow" not in sys.modules, "TensorFlow was imported"
"""
    script = tmp_path / "build.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, script], check=True, env=environment)


@pytest.mark.parametrize(
    "beam",
    [
        pytest.param([], id="processes"),
        pytest.param(
            ["--beam_pipeline_options=direct_num_workers=2,direct_running_mode=multi_processing"],
            id="beam",
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_tfds_build(tree, tmp_path, dataset, beam):
    """The command line, also through Beam, gives byte for byte what Python gives.

    Here with odd names, and in a locale that knows ASCII alone.
    """
    pytest.importorskip("tensorflow", reason="needs the extra tfds")
    config = dataset.folder.parent.name
    assert config == module.FaceForensicsConfig(**SETTINGS).name
    settings = {**SETTINGS, "methods": list(METHODS)}
    held, data = (
        tmp_path / os.fsdecode(b"caf\xe9 {x}"),
        tmp_path / ("a#%20 {1} ü" if beam else "a[1] *?#%20 ü"),
    )
    held.symlink_to(tree)
    command = [
        *(sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build"),
        str(ROOT / "tfds_builders/faceforensics"),
        f"--config={json.dumps(settings)}",
        f"--manual_dir={held}",
        f"--data_dir={data}",
        "--file_format=array_record",
        *beam,
    ]
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "expected" in done.stdout
    built = records.Dataset(data / "faceforensics" / config / "1.0.0")
    assert _files(built.folder) == _files(dataset.folder)
    for name in ("coverage.csv", "failures.csv", "ignored.csv"):
        assert (built.folder / name).read_text() == (dataset.folder / name).read_text()
    assert "outcomes" not in " ".join(path.name for path in built.folder.iterdir())


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 200 kB, which is less than the clips take."""
    with disk(tmp_path / "small", 200) as folder:
        yield folder


@pytest.mark.parametrize("full", ["clips", "records"])
def test_a_full_disk(tree, dataset, small_disk, tmp_path, full):
    """While clips are cut, or while records are written; the build goes on when there is room."""
    if full == "clips":
        (small_disk / "downloads").mkdir()
    else:
        (tmp_path / "downloads").mkdir()
        (small_disk / "downloads").symlink_to(tmp_path / "downloads")
    with pytest.raises(
        UserError, match=r"cannot be written to .*: No space left on device"
    ) as error:
        _build(small_disk, tree)
    assert "\n" not in str(error.value)
    assert not list(small_disk.rglob("dataset_info.json"))
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    assert _files(_build(small_disk, tree).folder) == _files(dataset.folder)


@pytest.mark.thorough
def test_tfds_build_with_nothing_to_build(tmp_path):
    pytest.importorskip("tensorflow", reason="needs the extra tfds")
    (tmp_path / "held/other").mkdir(parents=True)
    command = [
        *(sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build"),
        str(ROOT / "tfds_builders/faceforensics"),
        "--config=c23-face-uniform1x10-224px",
        f"--manual_dir={tmp_path / 'held'}",
        f"--data_dir={tmp_path / 'data'}",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("fdd: no c23 video of FaceForensics++ under")
    assert "original_sequences/youtube/c23/videos" in last


def test_describing_an_unbuilt_data_set_uses_no_network_and_leaves_no_file(tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def ask(*_):
        raise AssertionError("TFDS asks its bucket on the Internet")

    monkeypatch.setattr(gcs_utils, "gcs_dataset_info_files", ask)
    config = module.FaceForensicsConfig(**SETTINGS)
    builder = module.Builder(config=config, data_dir=tmp_path / "data")
    assert builder.info.metadata["fingerprint"] == config.preprocessing.fingerprint()
    assert builder.info.citation
    assert not list(temporary.iterdir())
