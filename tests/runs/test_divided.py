"""A folder's data set is found whether or not it was built with `split`."""

import pytest

from fdd.errors import UserError
from fdd.runs import prepare
from tests.conftest import tiny_config
from tests.data.test_identity import _own_videos

DIVIDED = "0.5,0.25,0.25"


@pytest.fixture
def own(tree, tmp_path):
    """A config for videos in folders of splits, which were built without `split`."""
    config = tiny_config(tmp_path / "data")
    config.data.builder, config.data.demo, config.data.clips_per_video = "folder", None, 1
    config.data.manual_dir = str(_own_videos(tree, tmp_path / "a"))
    config.data.split = ""
    return config


@pytest.mark.parametrize("named", [True, False])
def test_videos_in_splits_need_no_flag(own, named, capsys):
    built = prepare.open_dataset(own.data)
    own.data.split = DIVIDED
    if not named:
        own.data.manual_dir = ""
    capsys.readouterr()
    assert prepare.open_dataset(own.data).folder == built.folder
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("so config.data.split is not used.")
    assert second.startswith(f"Data set {built.name}, ")


def test_another_folder_is_built_with_its_own(own, tree, tmp_path):
    built = prepare.open_dataset(own.data)
    own.data.split = DIVIDED
    own.data.manual_dir = str(_own_videos(tree, tmp_path / "b", shift=3))
    assert prepare.open_dataset(own.data).folder != built.folder


def test_what_is_not_divided_is_named_with_its_flag(own, tree, tmp_path):
    root = tmp_path / "a"
    for label in ("real", "fake"):
        (root / label).mkdir()
        for number, video in enumerate(sorted(root.glob(f"*/{label}/*.mp4"))):
            video.rename(root / label / f"{number}.mp4")
    for split in ("train", "validation", "test"):
        for label in ("real", "fake"):
            (root / split / label).rmdir()
        (root / split).rmdir()
    built = prepare.open_dataset(own.data)
    assert set(built.splits) == {"test"}
    own.data.split, own.data.manual_dir = DIVIDED, ""
    with pytest.raises(UserError) as error:
        prepare.open_dataset(own.data)
    expected = (
        f"({built.folder} was built without split, so all of it is for testing: "
        "--config.data.split= uses it)"
    )
    assert expected in str(error.value)
    own.data.manual_dir = str(root)
    divided = prepare.open_dataset(own.data)
    assert set(divided.splits) == {"train", "validation", "test"}
    own.data.split, own.data.manual_dir = "0.7,0.15,0.15", ""
    with pytest.raises(UserError, match=rf"with split={DIVIDED}: --config.data.split={DIVIDED} u"):
        prepare.open_dataset(own.data)
    own.data.split = DIVIDED
    assert prepare.open_dataset(own.data).folder == divided.folder
