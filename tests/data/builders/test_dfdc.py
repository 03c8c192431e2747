import json
import shutil

import pytest
import tensorflow_datasets as tfds

from fdd.data import records
from fdd.data.builders import dfdc
from fdd.data.clip_config import ClipConfig
from fdd.errors import UserError
from fdd.tfds_builders.dfdc import dfdc_dataset_builder as module
from tests.data.test_builder import _rows


def _write(root, path, entries, held=()):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(entries if isinstance(entries, str) else json.dumps(entries))
    for name in held:
        file = (root / path).parent / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)


def _found(root):
    return {
        video.video_id: (video.label, video.split, video.target, video.source)
        for video in dfdc.survey(root).videos
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"label": "REAL", "split": "train", "original": None}, ("real", "train", "real", "")),
        ({"label": "FAKE", "original": "b.mp4"}, ("fake", "test", "fake", "b.mp4")),
        ({"label": "FAKE", "original": float("nan")}, ("fake", "test", "fake", "")),
        ({"is_fake": 0}, ("real", "test", "real", "")),
        ({"is_fake": 1, "split": "val"}, ("fake", "validation", "fake", "")),
        ({"is_fake": True}, ("fake", "test", "fake", "")),
        ({"filename": "a.mp4", "label": "1"}, ("fake", "test", "fake", "")),
    ],
)
def test_entries_of_the_full_set(values, expected):
    entry = dfdc.read_entry("a.mp4", values)
    assert (entry.label, entry.split, entry.method, entry.original) == expected


def test_entries_of_the_preview():
    file = "method_A/643049/643049_A/1_A_001.mp4"
    values = {"label": "fake", "set": "train", "target_id": 643049, "swapped_id": 1224068}
    entry = dfdc.read_entry(file, {**values, "augmentations": []})
    assert (entry.label, entry.split, entry.method) == ("fake", "train", "method_A")
    assert (entry.person, entry.source) == ("643049", "1224068")


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ("{", "Expecting property name"),
        ([1], "it is no object"),
        ({"a.mp4": "REAL"}, "'a.mp4' should have a label and has \"REAL\""),
        ({"a.mp4": {"score": 1}}, "'a.mp4' is neither real nor fake"),
        ({"a.mp4": {"label": "maybe"}}, "'a.mp4' is neither real nor fake"),
        ({"a.mp4": {"label": "REAL", "split": "x"}}, "'a.mp4' has the unknown split 'x'"),
    ],
)
def test_an_unknown_form_is_refused_in_one_line(tmp_path, contents, reason):
    _write(tmp_path, "part/metadata.json", contents, ["a.mp4"])
    with pytest.raises(UserError, match=r"metadata\.json is not understood: ") as error:
        dfdc.survey(tmp_path)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "id,label\naa.mp4,0\nbb,1\n",
        "Label;File;More\r\n0;aa.mp4;x\r\n1;bb.MP4;\r\n",
        "sep=\t\nfilename\tis_fake\naa\tREAL\nbb.mp4\t1.0\n",
        '"path","class"\r"/elsewhere/aa.mp4","real"\r"..\\..\\bb.mp4","FAKE"\r',
    ],
)
def test_tables_in_other_forms_are_read(tmp_path, text):
    _write(tmp_path, "test/labels.csv", "", ["aa.mp4", "bb.mp4"])
    (tmp_path / "test/labels.csv").write_bytes(text.encode("utf-16"))
    assert {name: label for name, (label, *_) in _found(tmp_path).items()} == {
        "real/test/aa": "real",
        "fake/test/bb": "fake",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id,score\naa.mp4,0\n", "line 1: expected the columns filename,label"),
        ("filename,label\naa.mp4,0\naa.mp4,1\n", "line 3: another line contradicts it on"),
        ("filename,label\n,1\n", "line 2: a file's name is missing"),
        ("filename,label\naa.mp4,x\n", "line 2: 'aa.mp4' is neither real nor fake"),
        ("filename,label,split\naa.mp4,1,maybe\n", "line 2: 'aa.mp4' has the unknown split"),
    ],
)
def test_a_table_that_is_refused(tmp_path, text, reason):
    _write(tmp_path, "labels.csv", text, ["aa.mp4"])
    with pytest.raises(UserError, match=rf"labels\.csv, {reason}"):
        dfdc.survey(tmp_path)


@pytest.mark.parametrize(
    "file", ["/etc/aa.mp4", "../../aa.mp4", "", ".", "..", "a\0a.mp4", "\ud800"]
)
@pytest.mark.parametrize("original", ["/etc/passwd", "../../b.mp4", 7, ["a.mp4"], {"a": 1}, "\n"])
def test_lists_that_lead_elsewhere(tmp_path, file, original):
    """They name nothing outside of the folder, and there is no traceback, whatever they contain."""
    entries = {file: {"label": "FAKE", "original": original}, "aa.mp4": {"label": "REAL"}}
    _write(tmp_path, "in/metadata.json", json.dumps(entries), ["aa.mp4"])
    (tmp_path / "aa.mp4").touch()
    try:
        videos = dfdc.survey(tmp_path / "in").videos
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert {video.path for video in videos} <= {str(tmp_path / "in/aa.mp4")}


def test_the_full_set(tmp_path):
    train = {
        "aa.mp4": {"label": "REAL", "split": "train", "original": None},
        "bb.mp4": {"label": "FAKE", "split": "train", "original": "aa.mp4"},
        "cc.mp4": {"label": "FAKE", "split": "train", "original": "gone.mp4"},
        "gone.mp4": {"label": "REAL", "split": "train"},
    }
    _write(tmp_path, "dfdc_train_part_0/metadata.json", train, ["aa.mp4", "bb.mp4", "cc.mp4"])
    test = {"aa.mp4": {"is_fake": 0}, "dd.mp4": {"is_fake": 1}}
    _write(tmp_path, "test/metadata.json", test, ["aa.mp4", "dd.mp4", "unlisted.mp4"])
    csv = "filename,label\nee.mp4,1\nff.mp4,0\n"
    _write(tmp_path, "other/labels.csv", csv, ["videos/ee.mp4"])
    part = "dfdc_train_part_0"
    assert _found(tmp_path) == {
        f"real/{part}/aa": ("real", "train", f"{part}/aa", ""),
        f"fake/{part}/bb": ("fake", "train", f"{part}/aa", ""),
        f"fake/{part}/cc": ("fake", "train", f"{part}/gone", ""),
        "real/test/aa": ("real", "test", "test/aa", ""),
        "fake/test/dd": ("fake", "test", "test/dd", ""),
        "fake/other/ee": ("fake", "test", "other/ee", ""),
    }
    assert list(dfdc.survey(tmp_path).expected.items()) == [
        (("train", "fake"), 2),
        (("train", "real"), 2),
        (("test", "fake"), 2),
        (("test", "real"), 2),
    ]
    assert set(_found(tmp_path / part)) == {"real/aa", "fake/bb", "fake/cc"}


@pytest.mark.parametrize("inner", ["", "videos/"])
def test_the_preview(tmp_path, inner):
    entries = {
        "original_videos/643049/643049_A_001.mp4": {
            "label": "real",
            "set": "test",
            "target_id": "643049",
            "swapped_id": None,
        },
        "method_A/643049/643049_A/1_A_001.mp4": {
            "label": "fake",
            "set": "train",
            "target_id": "643049",
            "swapped_id": "1224068",
        },
    }
    held = [path.replace("/", f"/{inner}", 1) for path in entries]
    _write(tmp_path, "dfdc_preview_set/dataset.json", entries, held)
    assert _found(tmp_path / "dfdc_preview_set") == {
        "original_videos/643049/643049_A_001": ("real", "test", "643049", ""),
        "method_A/643049/643049_A/1_A_001": ("fake", "train", "643049", "1224068"),
    }
    videos = dfdc.survey(tmp_path).videos
    assert len(videos) == 2
    assert len({video.scene for video in videos}) == 2


def test_lists_that_disagree(tmp_path):
    _write(tmp_path, "metadata.json", {"a.mp4": {"label": "REAL"}}, ["a.mp4"])
    _write(tmp_path, "labels.csv", "filename,label\na.mp4,0\n")
    assert set(_found(tmp_path)) == {"real/a"}
    assert dfdc.survey(tmp_path).expected == {("test", "real"): 1}
    _write(tmp_path, "labels.csv", "filename,label\na.mp4,1\n")
    with pytest.raises(UserError, match=r"one list calls .*a\.mp4 real and another one fake"):
        dfdc.survey(tmp_path)


def test_lists_that_disagree_on_the_split(tmp_path):
    """A list without splits is not a contradiction."""
    _write(tmp_path, "metadata.json", {"a.mp4": {"label": "REAL", "split": "train"}}, ["a.mp4"])
    _write(tmp_path, "labels.csv", "filename,label\na.mp4,0\n")
    assert [video.split for video in dfdc.survey(tmp_path).videos] == ["train"]
    _write(tmp_path, "labels.csv", "filename,label,split\na.mp4,0,test\n")
    with pytest.raises(
        UserError, match=r"one list puts .*a\.mp4 into train and another one into t"
    ):
        dfdc.survey(tmp_path)


def test_nothing_there_names_the_layout(tmp_path):
    with pytest.raises(UserError, match=r"expected dfdc_train_part_0/metadata\.json with") as error:
        dfdc.survey(tmp_path)
    assert "\n" not in str(error.value)
    _write(tmp_path, "part/metadata.json", {"a.mp4": {"label": "REAL"}})
    with pytest.raises(UserError, match="no video of DFDC under"):
        dfdc.survey(tmp_path)


def test_build(tree, tmp_path):
    part = tmp_path / "held/dfdc_train_part_3"
    fake = sorted(tree.glob("manipulated_sequences/DemoFlicker/c23/videos/*.mp4"))[0]
    original = tree / f"original_sequences/youtube/c23/videos/{fake.stem.split('_')[0]}.mp4"
    entries = {
        "real.mp4": {"label": "REAL"},
        "fake.mp4": {"label": "FAKE", "original": "real.mp4"},
        "broken.mp4": {"label": "FAKE", "original": "real.mp4"},
        "missing.mp4": {"label": "FAKE", "original": "real.mp4"},
    }
    _write(part.parent, "dfdc_train_part_3/metadata.json", entries, ["broken.mp4"])
    shutil.copy(original, part / "real.mp4")
    shutil.copy(fake, part / "fake.mp4")
    config = ClipConfig(image_size=32)
    builder = module.Builder(config=config, data_dir=tmp_path, file_format="array_record")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=part.parent)
    )
    dataset = records.Dataset(builder.data_dir)
    assert dataset.splits == {"test": 2}
    rows = {row["method"]: row for row in dataset.metadata("test")}
    assert {method: row["label"] for method, row in rows.items()} == {"real": 0, "fake": 1}
    assert rows["fake"]["target"] == rows["real"]["target"] == "dfdc_train_part_3/real"
    assert rows["fake"]["crop_box"].tolist() == rows["real"]["crop_box"].tolist()
    counts = {row["method"]: row for row in _rows(dataset.folder / "coverage.csv")}
    assert [counts["fake"][name] for name in ("expected", "found", "built")] == ["3", "2", "1"]
    (failure,) = _rows(dataset.folder / "failures.csv")
    assert failure["video_id"] == "fake/dfdc_train_part_3/broken"
    assert module.Builder.name == "dfdc"
