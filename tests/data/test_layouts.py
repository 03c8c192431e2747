"""Every layout in which people hold data sets, on trees with the same names.

Where nothing is decoded, each file holds its own path.
"""

import collections
import os
import shutil

import pytest
import tensorflow_datasets as tfds

from fdd.data import layouts, records
from fdd.data.builders import dfdc, faceforensics_tree, folder
from fdd.data.builders.faceforensics import ALL_METHODS, METHODS, Selection
from fdd.data.clip_config import ClipConfig
from fdd.errors import UserError
from fdd.runs import prepare
from fdd.tfds_builders.faceforensics import faceforensics_dataset_builder as faceforensics_builder
from fdd.tfds_builders.folder import folder_dataset_builder as folder_builder
from tests.data.test_builder import _rows

IDS = {"000": "003", "071": "054", "953": "974"}  # Pairs of the official lists.
SCENE, FAKE_SCENE = "01__exit_room", "01_02__exit_room__AB12CD3E"


def _official(folder="videos", ending=".mp4"):
    tree = {}
    for target, source in IDS.items():
        for name in (target, source):
            tree[f"original_sequences/youtube/c23/{folder}/{name}{ending}"] = f"youtube/{name}"
        for method in METHODS:
            path = f"manipulated_sequences/{method}/c23/{folder}/{target}_{source}{ending}"
            tree[path] = f"{method}/{target}_{source}"
    return tree


def _kaggle():
    tree = {}
    for target, source in IDS.items():
        tree |= {f"original/{name}.mp4": f"youtube/{name}" for name in (target, source)}
        for method in METHODS:
            tree[f"{method}/{target}_{source}.mp4"] = f"{method}/{target}_{source}"
    return tree


KAGGLE_LISTS = ("csv/original.csv", "csv/Deepfakes.csv", "csv/FF++_Metadata.csv")
ACTORS = {
    f"real/{SCENE}.mp4": f"actors/{SCENE}",
    f"fake/{FAKE_SCENE}.mp4": f"DeepFakeDetection/{FAKE_SCENE}",
}


def _write(root, paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def _survey(root, of_frames=False, layout="auto", **selection):
    return faceforensics_tree.survey(root, Selection(**selection), of_frames, layout)


def _found(root, holdings):
    return {os.path.relpath(video.path, root): video.video_id for video in holdings.videos}


def test_official(tmp_path):
    _write(tmp_path, _official())
    holdings = _survey(tmp_path)
    assert _found(tmp_path, holdings) == _official()
    assert holdings.layouts == (layouts.OFFICIAL,)
    splits = {video.name: video.split for video in holdings.videos}
    assert (splits["000"], splits["071"], splits["953_974"]) == ("test", "train", "test")


@pytest.mark.parametrize("place", ["", "FaceForensics++_C23", "archive/FaceForensics++_C23"])
def test_kaggle(tmp_path, place):
    root = tmp_path / place
    _write(root, [*_kaggle(), *KAGGLE_LISTS, f"DeepFakeDetection/{FAKE_SCENE}.mp4"])
    holdings = _survey(tmp_path)
    assert _found(root, holdings) == _kaggle()
    assert holdings.layouts == (layouts.KAGGLE_C23,)
    assert {v.split for v in holdings.videos if v.target == "000"} == {"test"}
    ignored = {each.path: each.reason for each in holdings.ignored}
    assert set(ignored) == {*KAGGLE_LISTS, f"DeepFakeDetection/{FAKE_SCENE}.mp4"}
    assert not holdings.warning
    with pytest.raises(UserError, match=r"no c40 video .*recognised as Kaggle's FaceForensics\+\+"):
        _survey(tmp_path, compression="c40")


def test_kaggle_has_no_originals_of_actors(tmp_path):
    _write(tmp_path, [*_kaggle(), f"DeepFakeDetection/{FAKE_SCENE}.mp4"])
    holdings = _survey(tmp_path, methods=ALL_METHODS)
    assert f"DeepFakeDetection/{FAKE_SCENE}" in {video.video_id for video in holdings.videos}
    assert "without the originals of its actors" in holdings.warning


def test_ff_of_kaggle_is_deepfakedetection(tmp_path):
    root = tmp_path / "FF++"
    _write(root, ACTORS)
    holdings = _survey(tmp_path, methods=("DeepFakeDetection",))
    assert _found(root, holdings) == ACTORS
    assert holdings.layouts == (layouts.DEEP_FAKE_DETECTION,)
    assert {(v.target, v.split) for v in holdings.videos} == {(SCENE, "train")}
    with pytest.raises(UserError, match=r"of DeepFakeDetection, .* which config.data.methods does"):
        _survey(tmp_path)


def test_videos_in_two_copies_are_counted_once(tmp_path):
    """Kaggle's two copies side by side: the fakes of the second one are in the first one."""
    _write(tmp_path / "FF++", ACTORS)
    _write(tmp_path / "ff/FaceForensics++_C23", _kaggle())
    copy = f"ff/FaceForensics++_C23/DeepFakeDetection/{FAKE_SCENE}.mp4"
    _write(tmp_path, [copy, "talk.mp4"])
    holdings = _survey(tmp_path, methods=ALL_METHODS)
    found = collections.Counter(video.video_id for video in holdings.videos)
    assert found == dict.fromkeys([*_kaggle().values(), *ACTORS.values()], 1)
    assert _found(tmp_path, holdings)[copy] == f"DeepFakeDetection/{FAKE_SCENE}"
    ignored = {each.path: each.reason for each in holdings.ignored}
    assert ignored == {
        f"FF++/fake/{FAKE_SCENE}.mp4": f"another file of a video: {copy}",
        "talk.mp4": "outside the data set",
    }
    assert holdings.layouts == (layouts.KAGGLE_C23, layouts.DEEP_FAKE_DETECTION)
    only = _survey(tmp_path, layout="kaggle_c23", methods=ALL_METHODS)
    assert only.layouts == (layouts.KAGGLE_C23,)
    assert "actors" not in {video.method for video in only.videos}


def _frames(numbers=(0, 1, 2, 10, 11, 100)):
    return [
        f"{folder}/{number:03d}.png" for folder in _official("frames", "") for number in numbers
    ]


def test_deepfakebench(tmp_path):
    others = [
        path.replace("/frames/", f"/{name}/").replace(".png", ending)
        for path in _frames((0,))
        for name, ending in (("landmarks", ".npy"), ("masks", ".png"))
    ]
    strange = "original_sequences/youtube/c23/frames/000/cover.png"
    _write(tmp_path, [*_frames(), *others, strange])
    holdings = _survey(tmp_path, of_frames=True)
    assert _found(tmp_path, holdings) == _official("frames", "")
    assert holdings.layouts == (layouts.DEEPFAKEBENCH,)
    assert {each.path for each in holdings.ignored} == {*others, strange}
    with pytest.raises(UserError, match=r"DeepfakeBench's tree of frames, .*region=stored"):
        _survey(tmp_path)
    _write(tmp_path, _official())  # As who cut the frames has it.
    assert _survey(tmp_path).layouts == (layouts.OFFICIAL,)
    assert _found(tmp_path, _survey(tmp_path)) == _official()
    assert _found(tmp_path, _survey(tmp_path, of_frames=True)) == _official("frames", "")


def test_videos_where_frames_are_wanted(tmp_path):
    _write(tmp_path, _official())
    with pytest.raises(UserError, match=r"holds videos and no stored frames, .*region=face"):
        _survey(tmp_path, of_frames=True)


def test_an_unknown_layout_is_refused_with_what_was_looked_for(tmp_path):
    _write(tmp_path, ["data/a.mp4", "Deepfakes/notes.txt"])
    with pytest.raises(UserError) as error:
        _survey(tmp_path)
    for layout in layouts.FACE_FORENSICS:
        assert layout.name in str(error.value)
    assert "it holds Deepfakes/, data/" in str(error.value)
    assert "\n" not in str(error.value)


def test_dfdc_preview(tmp_path):
    names = {
        "original_videos/1/1_0.mp4": {"label": "real", "set": "train", "target_id": "1"},
        "method_A/1/1_2_0.mp4": {"label": "fake", "set": "train", "target_id": "1"},
        "method_B/1/1_3_0.mp4": {"label": "fake", "set": "test", "target_id": "1"},
    }
    _write(tmp_path, names)
    (tmp_path / "dataset.json").write_text(str(names).replace("'", '"'))
    holdings = dfdc.survey(tmp_path)
    assert {v.method: v.split for v in holdings.videos} == {
        "original_videos": "train",
        "method_A": "train",
        "method_B": "test",
    }
    assert holdings.layouts == (layouts.DFDC_PREVIEW,)


@pytest.mark.parametrize("place", ["", "FFIW10K-v1-release"])
def test_ffiw(tmp_path, place):
    root = tmp_path / place
    masks = ["target_mask/train/00000.mp4", "target_mask/val/00001.mp4"]
    _write(root, masks)
    for number, split in enumerate(("train", "val")):
        _write(root, [f"{label}/{split}/{number:05d}.mp4" for label in ("source", "target")])
    holdings = folder.survey(tmp_path)
    assert {v.video_id: v.split for v in holdings.videos} == {
        "real/00000": "train",
        "fake/00000": "train",
        "real/00001": "validation",
        "fake/00001": "validation",
    }
    assert holdings.layouts == (layouts.FFIW,)
    reasons = {each.path: each.reason for each in holdings.ignored}
    assert reasons == dict.fromkeys(masks, "a mask that is not needed")


def _build(root, data_dir, **settings):
    config = faceforensics_builder.FaceForensicsConfig(
        **{"methods": ("Deepfakes",), "image_size": 32, **settings}
    )
    builder = faceforensics_builder.Builder(
        config=config, data_dir=data_dir, file_format="array_record"
    )
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=root))
    return records.Dataset(builder.data_dir)


def test_kaggle_is_built(pair, tmp_path, capsys):
    for path, inside in zip(pair, ("original", "Deepfakes"), strict=True):
        (tmp_path / "held" / inside).mkdir(parents=True)
        shutil.copy(path, tmp_path / "held" / inside)
    dataset = _build(tmp_path / "held", tmp_path)
    rows = [row for split in dataset.splits for row in dataset.metadata(split)]
    assert sorted(row["method"] for row in rows) == ["Deepfakes", "youtube"]
    assert rows[0]["crop_box"].tolist() == rows[1]["crop_box"].tolist()
    said = capsys.readouterr().out
    assert f"{tmp_path / 'held'} is recognised as Kaggle's FaceForensics++_C23." in said


def test_a_layout_can_be_asked_for(tmp_path, config):
    _write(tmp_path, ["real/a.mp4", "fake/b.mp4"])
    builder = folder_builder.Builder(config=ClipConfig(layout="plain"), data_dir=tmp_path)
    assert len(builder.find_videos(tmp_path)) == 2
    builder = folder_builder.Builder(config=ClipConfig(layout="ffiw"), data_dir=tmp_path)
    with pytest.raises(UserError, match="recognised as real/ and fake/ without splits, not as"):
        builder.find_videos(tmp_path)
    config.data.layout = "kagle"
    with pytest.raises(UserError, match="layout is 'kagle', known: auto, official, kaggle_c23, "):
        prepare.create_builder(config.data).find_videos(tmp_path)


def test_the_demo_lists_no_file_of_its_own(dataset, tree):
    assert (tree / "demo.json").exists()
    assert _rows(dataset.folder / "ignored.csv") == []
