"""Every file under manual_dir is built or named with its reason."""

import csv
import errno
import os
import shutil

import pytest
import tensorflow_datasets as tfds

from fdd.data.builders import celeb_df, dfdc, faceforensics_tree, folder
from fdd.data.builders.faceforensics import Selection
from fdd.data.clip_config import ClipConfig
from fdd.data.records import Dataset
from fdd.errors import UserError
from fdd.tfds_builders.celeb_df import celeb_df_dataset_builder as celeb_df_builder
from fdd.tfds_builders.dfdc import dfdc_dataset_builder as dfdc_builder
from fdd.tfds_builders.faceforensics import faceforensics_dataset_builder as faceforensics_builder
from fdd.tfds_builders.folder import folder_dataset_builder as folder_builder
from tests.data.test_builder import _rows

EVERYWHERE = {
    "._a.mp4": "a file of macOS about another one",
    ".DS_Store": "hidden",
    "Thumbs.db": "no video by its name: .db",
    "notes": "no video by its name: no ending",
    "a.gif": "a GIF picture: its 256 colours hide the traces of a forgery",
}
SURVEYS = {
    "faceforensics": lambda root: faceforensics_tree.survey(
        root, Selection(methods=("Deepfakes",))
    ),
    "celeb_df": celeb_df.survey,
    "dfdc": dfdc.survey,
    "folder": folder.survey,
}
FFPP = "original_sequences/youtube/c23/videos"
FAKES = "manipulated_sequences/Deepfakes/c23/videos"
# Per builder: the files, those that are built by their video_id, and why each other one is not.
CASES = {
    "faceforensics": (
        {
            f"{FFPP}/953.MP4": "youtube/953",
            f"{FFPP}/974 (1).mp4": "youtube/974",
            f"{FFPP}/071.avi": "youtube/071",
            f"{FFPP}/054.mp4": "youtube/054",
            f"{FAKES}/071_054.mkv": "Deepfakes/071_054",
        },
        {
            f"{FFPP}/054 (1).mp4": f"another file of a video: {FFPP}/054.mp4",
            f"{FFPP}/054.mov": f"another file of a video: {FFPP}/054.mp4",
            f"{FFPP}/talk.mp4": "not named as a video of FaceForensics++, 000.mp4 or 000_003.mp4",
            f"{FFPP}/new/055.mp4": "not in <method>/<compression>/videos",
            f"{FAKES}/071_953.mp4": "its target and its source are in different splits",
            "manipulated_sequences/FaceSwap/c23/videos/071_054.mp4": (
                "of a method that was not asked for: FaceSwap"
            ),
            "manipulated_sequences/Deepfakes/c40/videos/071_054.mp4": (
                "of a compression not asked for: c40"
            ),
            "manipulated_sequences/Deepfakes/masks/videos/953_974.mp4": "a mask that is not needed",
            "other/000.mp4": "outside original_sequences and manipulated_sequences",
        },
    ),
    "celeb_df": (
        {
            "Celeb-real/id0_0000.MP4": "Celeb-real/id0_0000",
            "celeb-synthesis/ID0_ID1_0000.avi": "Celeb-synthesis/id0_id1_0000",
            "YouTube-real/videos/00170 (1).mp4": "YouTube-real/00170",
        },
        {
            "Celeb-real/videos/id0_0000.mp4": "another file of a video: Celeb-real/id0_0000.MP4",
            "Celeb-real/talk.mp4": "not named as a video of Celeb-DF",
            "more/id1_0000.mp4": "in none of the folders Celeb-real, YouTube-real, Celeb-synthesis",
        },
    ),
    "dfdc": (
        {"part/aa.MP4": "real/part/aa", "part/videos/bb.mp4": "fake/part/bb"},
        {"part/cc.mp4": "named in no list", "part/aa (1).mp4": "named in no list"},
    ),
    "folder": (
        {
            "Train/Real/a.TS": "real/a",
            "Train/Real/b.3gp": "real/b",
            "Train/FAKE/c (1).flv": "fake/c (1)",
            "val/real/d.wmv": "real/d",
            "TESTING/fake/Swap/e.MTS": "Swap/e",
        },
        {"spare/real/f.mp4": "in no folder real or fake", "g.mp4": "in no folder real or fake"},
    ),
}
LISTS = {
    "celeb_df": (celeb_df.TEST_LIST, "1 YouTube-real/00170.mp4\n"),
    "dfdc": ("part/Metadata.json", '{"aa.mp4": {"label": "REAL"}, "bb.mp4": {"is_fake": 1}}'),
    "folder": ("Groups.csv", "video,group\nTrain/Real/a.TS,Ann\n"),
}


def _write(root, paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


@pytest.mark.parametrize("builder", CASES)
def test_every_file_is_built_or_named(tmp_path, builder):
    taken, reasons = CASES[builder]
    place = os.path.dirname(next(iter(taken)))
    reasons = reasons | {f"{place}/{name}": reason for name, reason in EVERYWHERE.items()}
    _write(tmp_path, [*taken, *reasons])
    if builder in LISTS:
        name, text = LISTS[builder]
        (tmp_path / name).write_text(text)
    (tmp_path / place / "gone.mp4").symlink_to("nothing")
    os.mkfifo(tmp_path / place / "pipe.mp4")
    reasons[f"{place}/gone.mp4"] = "a link to nothing"
    reasons[f"{place}/pipe.mp4"] = "no file but a pipe"
    holdings = SURVEYS[builder](tmp_path)
    assert {os.path.relpath(v.path, tmp_path): v.video_id for v in holdings.videos} == taken
    assert {each.path: each.reason for each in holdings.ignored} == reasons


@pytest.mark.parametrize(
    ("names", "split"),
    [
        (("val", "VALID", "validate", "Dev", "validation"), "validation"),
        (("training", "TRAIN"), "train"),
        (("testing", "Test"), "test"),
    ],
)
def test_names_of_splits(tmp_path, names, split):
    for name in names:
        _write(tmp_path / name, [f"{name}/real/a.mp4", f"{name}/fake/b.mp4"])
        assert {v.split for v in folder.survey(tmp_path / name).videos} == {split}


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["val/real/a.mp4", "validation/fake/b.mp4"], "val/ and validation/ mean the same"),
        (["Train/real/a.mp4", "train/fake/b.mp4"], "Train/ and train/ mean the same"),
        (["train/Real/a.mp4", "train/real/b.mp4"], "train/Real/ and train/real/ mean the same"),
        (["train/real/a.mp4", "eval/fake/b.mp4"], "'eval' may mean validation or test"),
    ],
)
def test_folders_that_contradict_each_other(tmp_path, paths, said):
    _write(tmp_path, paths)
    with pytest.raises(UserError, match=said):
        folder.survey(tmp_path)


@pytest.mark.parametrize("builder", CASES)
def test_a_folder_above_the_data_set(tmp_path, builder, capsys):
    taken, _ = CASES[builder]
    root = tmp_path / "downloads/set"
    _write(root, taken)
    if builder in LISTS:
        (root / LISTS[builder][0]).write_text(LISTS[builder][1])
    for above in (tmp_path / "downloads", tmp_path) if builder != "dfdc" else (root.parent,):
        assert len(SURVEYS[builder](above).videos) == len(taken)
        assert builder == "dfdc" or f"The data set is in {root}." in capsys.readouterr().out
    if builder != "dfdc":
        shutil.copytree(root, tmp_path / "downloads/other")
        with pytest.raises(UserError, match=r"more than once: say which of .*other, .*set"):
            SURVEYS[builder](tmp_path)


@pytest.fixture
def unreadable(monkeypatch):
    """Makes a folder unreadable, also for root."""
    paths = set()

    def scandir(path="."):
        if os.fspath(path) in paths:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path)

    real = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    return lambda path: paths.add(os.fspath(path))


@pytest.mark.parametrize("builder", ["faceforensics", "celeb_df", "folder"])
def test_a_folder_that_cannot_be_searched_is_named(tmp_path, builder, unreadable, capsys):
    """Beside the data set, and instead of it."""
    taken, _ = CASES[builder]
    _write(tmp_path / "set", taken)
    (tmp_path / "lost+found").mkdir()
    if builder in LISTS:
        (tmp_path / "set" / LISTS[builder][0]).write_text(LISTS[builder][1])
    unreadable(tmp_path / "lost+found")
    assert len(SURVEYS[builder](tmp_path).videos) == len(taken)
    said = f"These could not be searched: {tmp_path / 'lost+found'} (Permission denied)."
    assert f"The data set is in {tmp_path / 'set'}. {said}" in capsys.readouterr().out
    unreadable(tmp_path / "set")
    with pytest.raises(UserError, match=r"; set is a folder that cannot be read: Permission den"):
        SURVEYS[builder](tmp_path)


def test_a_data_set_that_may_be_in_a_folder_that_cannot_be_searched(tmp_path, unreadable):
    (tmp_path / "faceforensics").mkdir()
    unreadable(tmp_path / "faceforensics")
    with pytest.raises(UserError, match=r"could not be searched: .*forensics \(Permission denied"):
        Dataset(tmp_path)


@pytest.mark.parametrize("builder", ["faceforensics", "celeb_df", "folder"])
def test_a_folder_inside_the_data_set(tmp_path, builder):
    taken, _ = CASES[builder]
    _write(tmp_path, taken)
    top = tmp_path / next(iter(taken)).split("/")[0]
    with pytest.raises(UserError) as error:
        SURVEYS[builder](top / "nothing" if builder == "folder" else top)
    if builder != "folder":
        assert f"{top} is only a part of it: give its parent folder" in str(error.value)
        assert "it holds " in str(error.value)
    else:
        assert "there is no folder" in str(error.value)
    with pytest.raises(UserError, match="it is empty"):
        (tmp_path / "empty").mkdir()
        SURVEYS[builder](tmp_path / "empty")


def test_ignored_files_are_listed_and_counted(tree, tmp_path, capsys):
    held = tmp_path / "held"
    real = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))
    fake = next(tree.glob("manipulated_sequences/DemoFlicker/c23/videos/*.mp4"))
    _write(held, ["real/notes.txt", "real/._a.mp4", "other/a.mp4"])
    (held / "fake").mkdir()
    shutil.copy(real[0], held / "real/a.MP4")
    shutil.copy(fake, held / "fake/b.mp4")
    shutil.copy(real[1], held / "real/tmpsssihcem")
    builder = _build(folder_builder, held, tmp_path / "data")
    rows = {row["path"]: row["reason"] for row in _rows(builder.data_path / "ignored.csv")}
    assert set(rows) == {"other/a.mp4", "real/._a.mp4", "real/notes.txt", "real/tmpsssihcem"}
    assert "rename it, to tmpsssihcem.mp4 for one" in rows["real/tmpsssihcem"]
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "Passed over" in line)
    assert line.startswith("Passed over: 4 files, named in ignored.csv: ")


MODULES = {
    "faceforensics": faceforensics_builder,
    "celeb_df": celeb_df_builder,
    "dfdc": dfdc_builder,
    "folder": folder_builder,
}


def _build(module, held, data_dir):
    if module is faceforensics_builder:
        config = module.FaceForensicsConfig(methods=("Deepfakes",), image_size=32)
    else:
        config = ClipConfig(image_size=32)
    builder = module.Builder(config=config, data_dir=data_dir, file_format="array_record")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=held))
    return builder


def test_all_files_of_others_are_built_or_refused_in_one_line(shared, tmp_path):
    """Each folder with each builder: without a traceback, and no file is lost."""
    folders = sorted(path for path in (shared / "inputs").glob("*") if path.is_dir())
    if not folders:
        pytest.skip("needs ../shared/inputs, which is not distributed")
    fitting = {"ffpp": "faceforensics", "celeb": "celeb_df", "dfdc": "dfdc", "folder": "folder"}
    builds = [(path, fitting.get(path.name.split("-")[0])) for path in folders]
    videos = tmp_path / "held"  # The single videos of all the other folders.
    (videos / "fake").mkdir(parents=True)
    for source in [path for path, name in builds if name is None]:
        shutil.copytree(source, videos / "real" / source.name)
    for held, name in [*((path, name) for path, name in builds if name), (videos, "folder")]:
        if held.name == "folder-same-file-both-labels":
            with pytest.raises(UserError):
                _build(MODULES[name], held, tmp_path / "data" / held.name)
            continue
        builder = _build(MODULES[name], held, tmp_path / "data" / held.name)
        files = sum(len(names) for _, _, names in os.walk(held))
        with (builder.data_path / "coverage.csv").open() as file:
            found = sum(int(row["found"]) for row in csv.DictReader(file))
        lists = {"groups.csv", "labels.csv", celeb_df.TEST_LIST}
        used = sum(name in lists for _, _, names in os.walk(held) for name in names)
        used += sum("masks" in place for place, _, names in os.walk(held) for _ in names)
        assert found + used + len(_rows(builder.data_path / "ignored.csv")) == files, held
        assert found >= 1
