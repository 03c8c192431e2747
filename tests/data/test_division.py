"""A folder without splits is divided by group, both classes in each split."""

import collections
import shutil

import pytest

from fdd.data.builders import folder
from fdd.data.division import Division
from fdd.errors import UserError
from fdd.runs import prepare
from tests.data.test_builder import _rows

FRACTIONS = Division.parse("0.7,0.15,0.15")


def _write(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def _numbered(count, *labels):
    return [f"{label}/{number:03d}.mp4" for label in labels for number in range(count)]


def _splits(root, fractions=FRACTIONS):
    return {video.video_id: video.split for video in folder.survey(root, fractions).videos}


def _counts(root, fractions=FRACTIONS):
    return collections.Counter((v.split, v.label) for v in folder.survey(root, fractions).videos)


def test_each_split_has_both_classes_in_proportion(tmp_path, capsys):
    _write(tmp_path, *_numbered(40, "real", "fake/Swap"), *_numbered(20, "fake"))
    assert _counts(tmp_path) == {
        ("train", "real"): 28,
        ("train", "fake"): 42,
        ("validation", "real"): 6,
        ("validation", "fake"): 9,
        ("test", "real"): 6,
        ("test", "fake"): 9,
    }
    said = capsys.readouterr().out
    assert (
        "Divided 0.7,0.15,0.15 by video, since there is no groups.csv: train 28 real, 42 fake; "
        "validation 6 real, 9 fake; test 6 real, 9 fake." in said
    )
    assert folder.survey(tmp_path, FRACTIONS).expected["train", "real"] == 28
    assert set(_splits(tmp_path, None).values()) == {"test"}


def test_groups_stay_together(tmp_path, capsys):
    people = [f"person {number}" for number in range(12)]
    _write(tmp_path, *_numbered(36, "real", "fake"))
    rows = [f"{path},{people[n % 12]}" for n, path in enumerate(_numbered(36, "real", "fake"))]
    (tmp_path / "groups.csv").write_text("\n".join(["video,group", *rows, "real/gone.mp4,Eve"]))
    holdings = folder.survey(tmp_path, FRACTIONS)
    splits = collections.defaultdict(set)
    for video in holdings.videos:
        splits[video.target].add(video.split)
    assert {len(found) for found in splits.values()} == {1}
    # 12 groups: 8.4, 1.8 and 1.8 of them.
    counts = collections.Counter(split for (split,) in splits.values())
    assert counts == {"train": 8, "validation": 2, "test": 2}
    assert "train 24 real, 24 fake in 8 groups" in capsys.readouterr().out


def test_new_videos_move_few_groups(tmp_path):
    """One more video of a class moves at most one group over each of the two borders."""
    _write(tmp_path, *_numbered(50, "real", "fake"))
    before = _splits(tmp_path)
    assert _splits(tmp_path) == before
    for number in range(50, 60):
        _write(tmp_path, f"real/{number:03d}.mp4")
        after = _splits(tmp_path)
        moved = [name for name, split in before.items() if after[name] != split]
        assert len(moved) <= 2
        assert all(name.startswith("real/") for name in moved)
        before = after


@pytest.mark.parametrize(("real", "fake"), [(3, 3), (3, 7), (4, 5), (30, 3)])
def test_few_groups_are_enough_if_each_split_can_have_one(tmp_path, real, fake):
    _write(tmp_path, *_numbered(real, "real"), *_numbered(fake, "fake"))
    assert len(_counts(tmp_path)) == 6


def test_people_of_both_classes_fill_missing_classes(tmp_path):
    """Two people in both classes, one in real videos only and one in fakes only are enough."""
    _write(tmp_path, *_numbered(3, "real", "fake"))
    (tmp_path / "groups.csv").write_text(
        "video,group\nreal/000.mp4,Ann\nfake/000.mp4,Ann\nreal/001.mp4,Bob\nfake/001.mp4,Bob\n"
    )
    assert set(_counts(tmp_path).values()) == {1}
    assert len(_counts(tmp_path)) == 6


@pytest.mark.parametrize(("real", "fake"), [(2, 9), (0, 9), (1, 1)])
def test_too_few_groups(tmp_path, real, fake):
    _write(tmp_path, *_numbered(real, "real"), *_numbered(fake, "fake"))
    with pytest.raises(UserError) as error:
        folder.survey(tmp_path, FRACTIONS)
    assert f"{real} groups with real videos and {fake} with fakes" in str(error.value)
    assert "\n" not in str(error.value)


def test_real_videos_alone_are_divided(tmp_path):
    """Fakes can be made of them (config.data.fakes)."""
    _write(tmp_path, *_numbered(2, "real"))
    with pytest.raises(UserError, match=r"^2 real videos are too few for real videos in each of"):
        folder.survey(tmp_path, FRACTIONS)
    _write(tmp_path, *_numbered(3, "real"))
    assert set(_counts(tmp_path).values()) == {1}


def test_an_empty_file_is_not_counted(tmp_path):
    _write(tmp_path, *_numbered(3, "real", "fake"))
    (tmp_path / "real/000.mp4").write_bytes(b"")
    with pytest.raises(UserError, match="2 groups with real videos and 3 with fakes"):
        folder.survey(tmp_path, FRACTIONS)


def test_own_splits_stay(tmp_path, capsys):
    _write(tmp_path, "train/real/a.mp4", "test/fake/b.mp4")
    assert _splits(tmp_path) == {"real/a": "train", "fake/b": "test"}
    assert "Divided" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "dataset"),
    [("01_02__exit_room__AB12CD3E", "DeepFakeDetection"), ("id0_id1_0000", "Celeb-DF")],
)
def test_known_people_are_not_divided_by_video(tmp_path, name, dataset):
    _write(tmp_path, *_numbered(5, "real"), f"fake/{name}.mp4")
    with pytest.raises(UserError, match=f"trained on and tested on: .* of {dataset}, .*builder="):
        folder.survey(tmp_path, FRACTIONS)
    assert dataset in folder.survey(tmp_path).warning


@pytest.mark.parametrize(
    "text", ["0.7,0.3", "0.7,0.15,0.25", "-0.1,0.6,0.5", "a", "nan,0.5,0.5", "1", "0.5;0.25;0.25"]
)
def test_invalid_fractions_are_refused(config, text):
    config.data.builder = "folder"
    config.data.split = text
    with pytest.raises(UserError) as error:
        prepare.create_builder(config.data)
    assert "three numbers for train, validation and test that add up to 1" in str(error.value)
    assert f"'{text}'" in str(error.value)


def test_a_folder_without_splits_is_built_for_training(config, tree, tmp_path, capsys):
    held = tmp_path / "held"
    for label, place in (("real", "original_sequences/youtube"), ("fake", "manipulated_sequences")):
        (held / label).mkdir(parents=True)
        for path in sorted(tree.glob(f"{place}/**/videos/*.mp4"))[:4]:
            shutil.copy(path, held / label)
    (held / ".hidden.mp4").touch()
    (held / "real/empty.mp4").touch()
    config.data.builder, config.data.demo = "folder", None
    config.data.data_dir, config.data.manual_dir = str(tmp_path / "data"), str(held)
    dataset = prepare.open_dataset(config.data)
    assert "-split0.7+0.15+0.15" in dataset.folder.parent.name
    assert set(dataset.splits) == {"train", "validation", "test"}
    for split in dataset.splits:
        assert {row["label"] for row in dataset.metadata(split)} == {0, 1}
    said = capsys.readouterr().out
    assert f"{held} is recognised as real/ and fake/ without splits." in said
    assert "Divided 0.7,0.15,0.15 by video" in said
    ignored = {row["path"]: row["reason"] for row in _rows(dataset.folder / "ignored.csv")}
    assert set(ignored) == {".hidden.mp4", "real/empty.mp4"}
