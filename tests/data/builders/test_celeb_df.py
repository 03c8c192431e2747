import pathlib
import shutil

import pytest
import tensorflow_datasets as tfds

from fdd.data import records
from fdd.data.builders import celeb_df
from fdd.data.clip_config import ClipConfig
from fdd.errors import UserError
from fdd.tfds_builders.celeb_df import celeb_df_dataset_builder as module
from tests.data.test_builder import _files, _rows

LIST = "1 YouTube-real/00170.mp4\n1 Celeb-real/id0_0001.mp4\n0 Celeb-synthesis/id0_id2_0000.mp4\n"


def _touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(str(path))


def _tree(root):
    _touch(
        root,
        "Celeb-real/id0_0000.mp4",
        "Celeb-real/id0_0001.mp4",
        "Celeb-synthesis/id0_id1_0000.mp4",
        "Celeb-synthesis/id0_id2_0000.mp4",
        "Celeb-synthesis/notes.mp4",
        "YouTube-real/00001.mp4",
    )
    (root / celeb_df.TEST_LIST).write_text(LIST)


def test_one_means_real_in_the_list(tmp_path):
    listed = celeb_df.read_test_list(LIST)
    assert listed == {
        ("YouTube-real", "00170"),
        ("Celeb-real", "id0_0001"),
        ("Celeb-synthesis", "id0_id2_0000"),
    }
    _tree(tmp_path)
    labels = {video.video_id: video.label for video in celeb_df.survey(tmp_path).videos}
    assert labels["Celeb-real/id0_0001"] == "real"
    assert labels["Celeb-synthesis/id0_id2_0000"] == "fake"


@pytest.mark.parametrize("line", ["0 Celeb-real/id0_0001.mp4", "1 Celeb-synthesis/id0_id1_0.mp4"])
def test_a_list_with_the_other_polarity_is_refused(line):
    with pytest.raises(
        UserError, match=r"line 2: .* contradicts itself: in this list 1 means real"
    ):
        celeb_df.read_test_list(f"1 YouTube-real/00170.mp4\n{line}\n")


@pytest.mark.parametrize("line", ["Celeb-real/id0_0001.mp4", "1 Other/a.mp4", "2 Celeb-real/a.mp4"])
def test_a_list_of_another_form_is_refused(line):
    with pytest.raises(UserError, match=r"line 1: expected '1 <folder>/<name>\.mp4'"):
        celeb_df.read_test_list(line)


@pytest.mark.parametrize("inner", ["", "videos/"])
def test_finds_what_is_there(tmp_path, inner):
    _tree(tmp_path)
    if inner:
        for folder in celeb_df.NUM_VIDEOS:
            (tmp_path / folder).rename(tmp_path / "moved")
            (tmp_path / folder).mkdir()
            (tmp_path / "moved").rename(tmp_path / folder / "videos")
    found = {v.name: (v.split, v.target, v.source) for v in celeb_df.survey(tmp_path).videos}
    assert found == {
        "id0_0000": ("train", "id0_0000", ""),
        "id0_0001": ("test", "id0_0001", ""),
        "id0_id1_0000": ("train", "id0_0000", "id1"),
        "id0_id2_0000": ("test", "id0_0000", "id2"),
        "00001": ("train", "00001", ""),
    }


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize(
    "form",
    [
        lambda label, path: f"{label}\t{path}",
        lambda label, path: f"{path};{label};",
        lambda label, path: f'"{label}","{path}"',
        lambda label, path: f"{label} .\\{path}".replace("/", "\\"),
        lambda label, path: f"{label} Celeb-DF-v2/{path}".replace(".mp4", ".MP4"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
def test_lists_in_other_forms_are_read(tmp_path, coding, form, end):
    _tree(tmp_path)
    expected = {v.name: v.split for v in celeb_df.survey(tmp_path).videos}
    assert "test" in expected.values()
    lines = ["label video", *(form(*line.split()) for line in LIST.splitlines())]
    (tmp_path / celeb_df.TEST_LIST).write_bytes(end.join(lines).encode(coding))
    assert {v.name: v.split for v in celeb_df.survey(tmp_path).videos} == expected


def test_a_list_of_nothing_is_refused(tmp_path):
    _tree(tmp_path)
    for text, reason in (("", "names no video"), ("a b\nc d\n", "line 2: expected")):
        (tmp_path / celeb_df.TEST_LIST).write_text(text)
        with pytest.raises(UserError, match=reason):
            celeb_df.survey(tmp_path)


def test_two_lists_are_refused(tmp_path):
    _tree(tmp_path)
    (tmp_path / celeb_df.TEST_LIST.lower()).write_text("1 YouTube-real/00001.mp4\n")
    with pytest.raises(UserError, match=r"holds both List_of.*\.txt and list_of.*\.txt: remove"):
        celeb_df.survey(tmp_path)


def test_counts_of_the_complete_data_set(tmp_path):
    _tree(tmp_path)
    assert celeb_df.survey(tmp_path).expected == {
        ("train", "Celeb-real"): 589,
        ("train", "YouTube-real"): 299,
        ("train", "Celeb-synthesis"): 5638,
        ("test", "Celeb-real"): 1,
        ("test", "YouTube-real"): 1,
        ("test", "Celeb-synthesis"): 1,
    }


def test_nothing_there_names_the_layout(tmp_path):
    with pytest.raises(UserError, match=r"expected Celeb-real/id0_0000\.mp4, .*List_of_testing"):
        celeb_df.survey(tmp_path)
    _touch(tmp_path, "Celeb-real/id0_0000.mp4")
    with pytest.raises(UserError, match=r"has no List_of_testing_videos\.txt"):
        celeb_df.survey(tmp_path)


@pytest.fixture(scope="module")
def held(tree, tmp_path_factory):
    """Two people and three fakes; the fake for testing shows a scene of the training set."""
    root = tmp_path_factory.mktemp("held")
    fakes = sorted(tree.glob("manipulated_sequences/DemoFlicker/c23/videos/*.mp4"))[:2]
    swaps = tree / "manipulated_sequences/DemoIdentitySwap/c23/videos"
    originals = tree / "original_sequences/youtube/c23/videos"
    for number, fake in enumerate(fakes):
        target = fake.stem.split("_")[0]
        for source, path in {
            originals / f"{target}.mp4": f"Celeb-real/id{number}_0000.mp4",
            fake: f"Celeb-synthesis/id{number}_id5_0000.mp4",
            swaps / fake.name: f"Celeb-synthesis/id{number}_id6_0000.mp4",
        }.items():
            (root / path).parent.mkdir(exist_ok=True)
            shutil.copy(source, root / path)
    (root / "Celeb-synthesis/id1_id6_0000.mp4").write_bytes(b"no video")
    listed = "1 Celeb-real/id1_0000.mp4\n0 Celeb-synthesis/id0_id5_0000.mp4\n"
    (root / celeb_df.TEST_LIST).write_text(f"{listed}1 YouTube-real/00170.mp4\n")
    return root


def _build(root, data_dir, beam=None, **settings):
    config = ClipConfig(**{"image_size": 32, **settings})
    builder = module.Builder(config=config, data_dir=data_dir, file_format="array_record")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=root, beam_options=beam)
    )
    return records.Dataset(builder.data_dir)


@pytest.fixture(scope="module")
def built(held, tmp_path_factory):
    return _build(held, tmp_path_factory.mktemp("data"))


def test_records(built):
    assert built.splits == {"train": 3, "test": 2}
    rows = {row["video_id"]: row for s in built.splits for row in built.metadata(s)}
    assert {row["video_id"]: row["label"] for row in built.metadata("test")} == {
        "Celeb-real/id1_0000": 0,
        "Celeb-synthesis/id0_id5_0000": 1,
    }
    original, fake = rows["Celeb-real/id0_0000"], rows["Celeb-synthesis/id0_id5_0000"]
    assert fake["target"] == original["target"] == "id0_0000"
    assert fake["source"] == "id5"
    assert fake["crop_box"].tolist() == original["crop_box"].tolist()
    assert built.source("test")[0]["frames"][0].shape == (32, 32, 3)


def test_coverage(built):
    rows = {(r["split"], r["method"]): r for r in _rows(built.folder / "coverage.csv")}
    assert len(rows) == 6
    found = {key: (row["found"], row["built"]) for key, row in rows.items()}
    assert found["test", "YouTube-real"] == ("0", "0")
    assert found["test", "Celeb-synthesis"] == ("1", "1")
    assert found["train", "Celeb-synthesis"] == ("3", "2")
    assert rows["test", "YouTube-real"]["expected"] == "1"
    (failure,) = _rows(built.folder / "failures.csv")
    assert failure["video_id"] == "Celeb-synthesis/id1_id6_0000"


def test_the_test_split_alone_is_the_same(held, built, tmp_path):
    """The original of its fake is not in it."""
    alone = _build(held, tmp_path, splits=["test"])
    assert alone.folder.parent.name == "face-uniform1x10-32px-test"
    assert alone.splits == {"test": 2}
    name = "celeb_df-test.array_record-00000-of-00001"
    assert _files(alone.folder) == {name: _files(built.folder)[name]}
    assert {row["split"] for row in _rows(alone.folder / "coverage.csv")} == {"test"}
    assert not list((tmp_path / "downloads/fdd_clips").iterdir())


def test_beam_gives_the_same(held, built, tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra tfds")
    pytest.importorskip("tensorflow", reason="needs the extra tfds")
    from apache_beam.options.pipeline_options import PipelineOptions

    again = _build(held, tmp_path, beam=PipelineOptions([]))
    assert _files(again.folder) == _files(built.folder)
    for name in ("coverage.csv", "failures.csv"):
        assert (again.folder / name).read_text() == (built.folder / name).read_text()


def test_a_split_that_is_not_there(tmp_path, held):
    root = tmp_path / "held"
    shutil.copytree(held, root)
    (root / celeb_df.TEST_LIST).write_text("1 YouTube-real/00170.mp4\n")
    with pytest.raises(UserError, match=r"of the 6 videos .* none is in the split test"):
        _build(root, tmp_path / "data", splits=["test"])


def test_configs():
    names = [config.name for config in module.Builder.BUILDER_CONFIGS]
    assert len(set(names)) == 6
    assert "face-consecutive4x10-224px" in names
    assert module.Builder.name == "celeb_df"
    folder = pathlib.Path(module.__file__).parent
    assert {path.name for path in folder.iterdir()} >= {"README.md", "CITATIONS.bib", "TAGS.txt"}
    with pytest.raises(ValueError, match="splits must be some of train, validation, test"):
        ClipConfig(splits=["val"])


PLUS = {
    "Celeb-synthesis/FaceSwap/InSwap/id0_id1_0000.mp4": ("FaceSwap-InSwap", "id0_0000", "id1"),
    "Celeb-synthesis/FaceSwap/Other/id0_id1_0000.mp4": ("FaceSwap-Other", "id0_0000", "id1"),
    "Celeb-synthesis/FaceReenact/X/id0_id2_0001.mp4": ("FaceReenact-X", "id0_0001", "id2"),
    "Celeb-synthesis/TalkingFace/Y/id3_0002.mp4": ("TalkingFace-Y", "id3_0002", ""),
}


def test_celeb_df_plus(tmp_path):
    _touch(tmp_path, "Celeb-real/id0_0000.mp4", "YouTube-real/00170.mp4", *PLUS)
    _touch(tmp_path, "Celeb-synthesis/TalkingFace/Y/talk.mp4")
    listed = ["1 YouTube-real/00170.mp4", *(f"0 {path}" for path in sorted(PLUS)[:2])]
    (tmp_path / celeb_df.TEST_LIST).write_text("\n".join(listed))
    holdings = celeb_df.survey(tmp_path)
    found = {
        str(pathlib.Path(video.path).relative_to(tmp_path)): video for video in holdings.videos
    }
    fakes = {path: video for path, video in found.items() if video.label == "fake"}
    assert {p: (v.method, v.target, v.source) for p, v in fakes.items()} == PLUS
    tested = [path for path, video in found.items() if video.split == "test"]
    assert sorted(tested) == sorted([*sorted(PLUS)[:2], "YouTube-real/00170.mp4"])
    # A swapped face lies where its target's does; of the other kinds nothing says so.
    assert [v.scene == v.target for _, v in sorted(fakes.items())] == [False, True, True, False]
    assert [each.path for each in holdings.ignored] == ["Celeb-synthesis/TalkingFace/Y/talk.mp4"]
    assert [layout.key for layout in holdings.layouts] == ["celeb_df_plus"]
    assert holdings.expected["test", "FaceReenact-X"] == 1
    assert not holdings.warning


def test_a_list_without_the_fakes_of_celeb_df_plus(tmp_path):
    _touch(tmp_path, "YouTube-real/00170.mp4", *PLUS)
    (tmp_path / celeb_df.TEST_LIST).write_text(LIST)
    assert "names no fake of Celeb-DF++" in celeb_df.survey(tmp_path).warning
