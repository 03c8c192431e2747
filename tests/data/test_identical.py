"""The same video under two names."""

import os
import shutil

import pytest

from fdd.data import identical
from fdd.data.builders import celeb_df, dfdc, faceforensics_tree, folder
from fdd.data.builders.faceforensics import Selection
from fdd.errors import UserError


def _write(root, **contents):
    for number, (path, content) in enumerate(contents.items()):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content or f"{number}".encode())


def _files(root, **contents):
    _write(root, **{f"{path}.mp4": content for path, content in contents.items()})


SAME = b"same" * 20_000


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("train/fake/b", "train/real/a", "are the same file, once fake and once real"),
        ("train/real/a", "train/real/c", "are the same file twice"),
        ("train/real/a", "train/real/more/a", "are the same file twice"),
        ("test/fake/b", "train/real/a", "are the same file, once fake and once real"),
        ("train/fake/Swap/b", "train/fake/c", "are the same file of two methods, Swap and fake"),
    ],
)
def test_a_folder_with_the_same_bytes_twice_is_refused(tmp_path, first, second, said):
    _files(tmp_path, **{first: SAME, second: SAME, "test/real/other": None})
    with pytest.raises(UserError) as error:
        folder.survey(tmp_path)
    assert f"{first}.mp4 and {second}.mp4 {said}" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_same_bytes_in_two_splits_give_a_warning(tmp_path):
    """They are not refused: splits of others may share videos, and the audit calls it leakage."""
    _files(tmp_path, **{"test/real/c": SAME, "train/real/a": SAME, "train/fake/b": None})
    holdings = folder.survey(tmp_path)
    assert len(holdings.videos) == 3
    assert holdings.warning == (
        "the same contents in two splits, which is leakage: test/real/c.mp4 and train/real/a.mp4"
    )


def test_another_name_of_a_file_is_no_second_video(tmp_path):
    _files(tmp_path, **{"real/b": SAME, "fake/c": None})
    (tmp_path / "real/a.mp4").symlink_to("b.mp4")
    os.link(tmp_path / "real/b.mp4", tmp_path / "real/z.mp4")
    holdings = folder.survey(tmp_path)
    assert [video.video_id for video in holdings.videos] == ["fake/c", "real/b"]
    assert holdings.expected == {("test", "real"): 1, ("test", "fake"): 1}
    assert {each.path: each.reason for each in holdings.ignored} == {
        "real/a.mp4": "a second name of a file: real/b.mp4",
        "real/z.mp4": "a second name of a file: real/b.mp4",
    }
    (tmp_path / "fake/d.mp4").symlink_to("../real/b.mp4")
    with pytest.raises(UserError, match=r"once fake and once real|once real and once fake"):
        folder.survey(tmp_path)


def test_one_recording_with_two_endings_is_taken_once(tmp_path):
    _write(tmp_path, **{"real/x.ts": SAME, "real/x.MTS": SAME, "fake/b.mp4": b"1"})
    holdings = folder.survey(tmp_path)
    assert len(holdings.videos) == 2
    (ignored,) = holdings.ignored
    assert ignored.path == "real/x.ts"
    assert ignored.reason == "the same bytes as another file: real/x.MTS"


def test_a_folder_of_one_label_that_is_linked_into_the_other_is_refused(tmp_path):
    _files(tmp_path, **{"real/a": SAME, "fake/b": None})
    (tmp_path / "fake/link").symlink_to(tmp_path / "real")
    with pytest.raises(UserError, match="once real and once fake"):
        folder.survey(tmp_path)


def test_files_that_differ_somewhere_are_two(tmp_path):
    middle = bytearray(SAME)
    middle[30_000] = 0  # Not among what is read first.
    _files(tmp_path, **{"real/a": SAME, "fake/b": bytes(middle), "fake/e": b"", "real/e": b""})
    assert len(folder.survey(tmp_path).videos) == 4


def test_only_files_of_one_size_are_read(tmp_path, monkeypatch):
    _files(tmp_path, **{"real/a": b"1", "real/b": b"22", "fake/c": b"333", "fake/d": b"444"})
    read = []
    monkeypatch.setattr(identical, "_sample", lambda file: read.append(file.name) or file.read())
    folder.survey(tmp_path)
    assert sorted(map(os.path.basename, read)) == ["c.mp4", "d.mp4"]


def test_official_data_sets_take_a_harmless_copy_once(tmp_path):
    """DFDC's sample contains copies of videos in its parts."""
    for part in ("dfdc_train_part_0", "train_sample_videos"):
        _write(tmp_path, **{f"{part}/aa.mp4": SAME})
        (tmp_path / part / "metadata.json").write_text('{"aa.mp4": {"label": "FAKE"}}')
    holdings = dfdc.survey(tmp_path)
    assert [video.video_id for video in holdings.videos] == ["fake/dfdc_train_part_0/aa"]
    (ignored,) = holdings.ignored
    assert ignored.reason == "the same bytes as another file: dfdc_train_part_0/aa.mp4"
    (tmp_path / "train_sample_videos/metadata.json").write_text('{"aa.mp4": {"label": "REAL"}}')
    with pytest.raises(UserError, match="once fake and once real"):
        dfdc.survey(tmp_path)


def test_official_data_sets_refuse_what_contradicts_itself(tmp_path):
    root = tmp_path / "ffpp"
    fakes = root / "manipulated_sequences"
    _write(fakes, **{f"{m}/c23/videos/071_054.mp4": SAME for m in ("Deepfakes", "FaceSwap")})
    with pytest.raises(UserError, match="same file of two methods, Deepfakes and FaceSwap"):
        faceforensics_tree.survey(root, Selection(methods=("Deepfakes", "FaceSwap")))
    root = tmp_path / "celeb"
    _write(root, **{"Celeb-real/id0_0000.mp4": SAME, "Celeb-synthesis/id0_id1_0000.mp4": SAME})
    (root / celeb_df.TEST_LIST).write_text("1 Celeb-real/id0_0000.mp4\n")
    with pytest.raises(UserError, match="once real and once fake"):
        celeb_df.survey(root)


def test_what_was_seen(shared, tmp_path):
    held = shared / "inputs/folder-same-file-both-labels"
    if not held.is_dir():
        pytest.skip("needs ../shared/inputs, which is not distributed")
    with pytest.raises(UserError) as error:
        folder.survey(held)
    assert "train/fake/a.mp4 and train/real/a.mp4" in str(error.value)
    shutil.copytree(held, tmp_path / "held")
    (tmp_path / "held/train/fake/a.mp4").unlink()
    assert len(folder.survey(tmp_path / "held").videos) == 7
