import os
import pathlib
import re
import shutil

import pytest
import tensorflow_datasets as tfds

from fdd.data import coverage_lists, records
from fdd.data.builders import folder, folder_paths
from fdd.data.clip_config import ClipConfig
from fdd.errors import UserError
from fdd.tfds_builders.folder import folder_dataset_builder as module
from fdd.video import decode
from tests.data.test_builder import _rows
from tests.video import numbered


def _touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(str(path))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("real/a.mp4", ("test", "real")),
        ("real/deep/er/a.MOV", ("test", "real")),
        ("fake/a.webm", ("test", "fake")),
        ("fake/Swap/a.mkv", ("test", "Swap")),
        ("fake/Swap/deeper/a.m4v", ("test", "Swap")),
        ("train/real/a.mpg", ("train", "real")),
        ("validation/fake/Swap/a.avi", ("validation", "Swap")),
        ("test/fake/a.mpeg", ("test", "fake")),
        ("real/a.txt", None),
        ("a.mp4", None),
        ("train/a.mp4", None),
        ("other/real/a.mp4", None),
    ],
)
def test_place(path, expected):
    assert folder.place(pathlib.PurePosixPath(path)) == expected


def test_a_method_called_real():
    with pytest.raises(UserError, match="a method of forgery cannot be called 'real'"):
        folder.place(pathlib.PurePosixPath("fake/real/a.mp4"))


def test_finds_what_is_there(tmp_path):
    _touch(
        tmp_path,
        *("real/a.mp4", "real/day/a.mp4", "real/b.mov", "real/b.mkv", "real/._a.mp4"),
        *("fake/a.mp4", "fake/Swap/a.mp4", "fake/Swap/day/a.mp4", "notes/real/a.mp4"),
    )
    videos = folder.survey(tmp_path).videos
    assert {video.split for video in videos} == {"test"}
    assert {video.video_id: video.label for video in videos} == {
        "real/a": "real",
        "real/day/a": "real",
        "real/real/b.mov": "real",
        "real/real/b.mkv": "real",
        "fake/a": "fake",
        "Swap/a": "fake",
        "Swap/day/a": "fake",
    }
    assert all(video.target == video.video_id for video in videos)
    assert folder.survey(tmp_path).expected == {
        ("test", "real"): 4,
        ("test", "Swap"): 2,
        ("test", "fake"): 1,
    }


def test_videos_that_groups_do_not_name(tmp_path):
    """Such as a fake whose path is misspelt: its person would be trained on and tested on."""
    _touch(tmp_path, "train/real/a.mp4", "train/fake/Swap/a.mp4", "test/real/b.mp4")
    names = "train/real/a.mp4,Ann\ntrain/fake/Swap/aa.mp4,Ann\ntest/real/b.mp4,Bob\n"
    (tmp_path / "groups.csv").write_text(f"video,group\n{names}")
    assert folder.survey(tmp_path).warning == (
        "groups.csv does not name 1 of the videos (train/fake/Swap/a.mp4), so each of them is a "
        "group of its own"
    )


def test_own_splits_and_links(tmp_path):
    _touch(tmp_path, "elsewhere/a.mp4", "held/train/real/a.mp4", "held/test/fake/Swap/b.mp4")
    (tmp_path / "held/test/real").symlink_to(tmp_path / "elsewhere")
    videos = folder.survey(tmp_path / "held").videos
    assert {video.video_id: video.split for video in videos} == {
        "real/train/real/a.mp4": "train",  # Two splits have a video of this name.
        "real/test/real/a.mp4": "test",
        "Swap/b": "test",
    }
    _touch(tmp_path, "held/real/c.mp4")
    with pytest.raises(UserError, match="both real/ or fake/ and folders of splits"):
        folder.survey(tmp_path / "held")


def test_groups(tmp_path):
    _touch(tmp_path, "train/real/a.mp4", "train/fake/Swap/a.mp4", "test/real/b.mp4")
    groups = tmp_path / "groups.csv"
    groups.write_text(
        "\ufeffvideo,group\ntrain/real/a.mp4,Ann\ntrain\\fake\\Swap\\a.mp4, Ann \n"
        "test/real/b.mp4,\ntest/fake/gone.mp4,Bob\n"
    )
    targets = {video.video_id: video.target for video in folder.survey(tmp_path).videos}
    assert targets == {"real/a": "Ann", "Swap/a": "Ann", "real/b": "real/b"}
    assert not folder.survey(tmp_path).warning
    counts = folder.survey(tmp_path).expected
    assert counts == {
        ("train", "real"): 1,
        ("train", "Swap"): 1,
        ("test", "real"): 1,
        ("test", "fake"): 1,
    }
    groups.write_text("group,video\nAnn,train/real/a.mp4\nAnn,test/real/b.mp4\n")
    with pytest.raises(UserError, match="the group 'Ann' is in train and test"):
        folder.survey(tmp_path)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize(
    "text",
    [
        "video,group\r\nreal/é.mp4,Müller\r\nfake/b.mp4,Müller\r\n",
        "Group;Video;\nMüller;real/e\u0301.MP4;\nMüller;./fake/b.mp4;\n",  # As macOS names é.
        'path\tnote\tperson\r"real/é.mp4"\t\t"Müller"\rFAKE/B.mp4\tx\tMüller\r',
    ],
)
def test_groups_in_other_forms_are_read(tmp_path, coding, text):
    if "\u0301" in text and coding == "cp1252":
        pytest.skip("Windows-1252 has no accents of their own")
    _touch(tmp_path, "real/é.mp4", "fake/b.mp4")
    (tmp_path / "groups.csv").write_bytes(text.encode(coding))
    holdings = folder.survey(tmp_path)
    assert {video.target for video in holdings.videos} == {"Müller"}
    assert holdings.expected == {("test", "real"): 1, ("test", "fake"): 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("video,group\nreal/a.mp4,Ann\nreal/a.mp4,Bob\n", "line 3: 'real/a.mp4' has another gr"),
        ("video,group\nreal/a.mp4,Miller, Ann\n", "line 2: 3 values, but the first line names"),
        ("", "expected the columns video,group in the first line, not ''"),
        ("clip,group\nreal/a.mp4,Ann\n", "not 'clip,group'"),
        ("video,group\nreal/a.mp4,Ann\na.mp4,Ann\n", "line 3: 'a.mp4' is no video in real/"),
    ],
)
def test_groups_of_another_form_are_refused(text, reason):
    with pytest.raises(UserError, match=reason):
        folder_paths.read_groups(text)


def test_nothing_there_names_the_layout(tmp_path):
    _touch(tmp_path, "real/a.txt", "b.mp4")
    with pytest.raises(UserError, match=r"expected real/\*\.mp4 and fake/\*\.mp4") as error:
        folder.survey(tmp_path)
    assert "\n" not in str(error.value)


def test_build(tree, tmp_path):
    held = tmp_path / "held"
    real = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[:2]
    fake = sorted(tree.glob("manipulated_sequences/DemoFlicker/c23/videos/*.mp4"))[0]
    _touch(held, "real/broken.mp4", "fake/Flicker/empty.mp4")
    (held / "fake/Flicker/empty.mp4").write_bytes(b"")
    shutil.copy(real[0], held / "real/a.mp4")
    shutil.copy(real[1], held / "real/b.mp4")
    shutil.copy(fake, held / "fake/Flicker/c.mp4")
    (held / "groups.csv").write_text(
        "video,group\nreal/a.mp4,Ann/1\nreal/b.mp4,Ann/1\nreal/gone.mp4,Bob\n"
    )
    builder = module.Builder(
        config=ClipConfig(image_size=32), data_dir=tmp_path, file_format="array_record"
    )
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=held))
    dataset = records.Dataset(builder.data_dir)
    assert dataset.splits == {"test": 3}
    rows = {row["video_id"]: row for row in dataset.metadata("test")}
    assert {name: (row["label"], row["target"]) for name, row in rows.items()} == {
        "real/a": (0, "Ann/1"),
        "real/b": (0, "Ann/1"),
        "Flicker/c": (1, "Flicker/c"),
    }
    # One group, the same size and length, but not the same footage: each has its own face.
    assert rows["real/a"]["face_box"].tolist() != rows["real/b"]["face_box"].tolist()
    counts = {row["method"]: row for row in _rows(dataset.folder / "coverage.csv")}
    assert [counts["real"][name] for name in ("expected", "found", "built")] == ["4", "3", "2"]
    failed = {row["video_id"] for row in _rows(dataset.folder / "failures.csv")}
    assert failed == {"real/broken"}
    ignored = {row["path"]: row["reason"] for row in _rows(dataset.folder / "ignored.csv")}
    assert ignored == {"fake/Flicker/empty.mp4": "empty, it has no bytes: download it again"}
    assert module.Builder.name == "folder"


def test_damaged_videos_and_strange_names_are_built_and_named(tree, tmp_path):
    """Names that are not valid text, a pipe, and a partly damaged file."""
    held = tmp_path / "held"
    (held / "real").mkdir(parents=True)
    (held / "fake").mkdir()
    real = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[0]
    fake = sorted(tree.glob("manipulated_sequences/DemoFlicker/c23/videos/*.mp4"))[0]
    shutil.copy(fake, held / "fake/b.mp4")
    shutil.copy(real, os.path.join(os.fsencode(held), b"real", b"caf\xe9.mp4"))
    os.mkfifo(held / "real/pipe.mp4")
    info = decode.probe(real)
    frames = [frame for _, frame in decode.read_frames(real, info, range(20))] * 2
    options = {"g": "15", "crf": "10", "coder": "vlc"}
    numbered.write(held / "real/damaged.ts", container="mpegts", frames=frames, options=options)
    content = (held / "real/damaged.ts").read_bytes()
    (held / "real/damaged.mpg").write_bytes(content[188 * (len(content) // 188 // 5) :])
    (held / "real/damaged.ts").unlink()
    builder = module.Builder(
        config=ClipConfig(image_size=32), data_dir=tmp_path, file_format="array_record"
    )
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=held))
    dataset = records.Dataset(builder.data_dir)
    ids = {row["video_id"] for row in dataset.metadata("test")}
    assert ids == {r"real/caf\xe9", "real/damaged", "fake/b"}
    failures = {row["video_id"]: row for row in _rows(dataset.folder / "failures.csv")}
    ignored = {row["path"]: row["reason"] for row in _rows(dataset.folder / "ignored.csv")}
    assert ignored == {"real/pipe.mp4": "no file but a pipe"}
    damaged = failures["real/damaged"]
    assert damaged["clip_index"] == "file"
    assert re.fullmatch(r"\d+ of \d+ frames are damaged and left out", damaged["reason"])
    counts = {row["method"]: row for row in _rows(dataset.folder / "coverage.csv")}
    assert counts["real"]["damaged_frames"] == damaged["reason"].split()[0]
    assert coverage_lists.failures(dataset.folder, "test")[0] == 0  # The pipe is no video.
