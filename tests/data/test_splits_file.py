"""DeepfakeBench's JSON of splits, read and written."""

import json

import pytest

from fdd import audit
from fdd.data import splits_file
from fdd.data.builders import faceforensics_tree
from fdd.data.builders.faceforensics import Selection
from fdd.errors import UserError
from fdd.runs import prepare
from tests.data.test_layouts import _official, _write

METHODS = {
    "FF-real": ("000", "youtube"),
    "FF-DF": ("000_003", "Deepfakes"),
    "FF-F2F": ("000_003", "Face2Face"),
    "FF-FS": ("000_003", "FaceSwap"),
    "FF-NT": ("000_003", "NeuralTextures"),
    "FF-FH": ("000_003", "FaceShifter"),
}


def _entry(label, video):
    frames = [f"FaceForensics++/…/c23/frames/{video}/{number:03d}.png" for number in (0, 12)]
    return {video: {"label": label, "frames": frames}}


def _content():
    """Each method has another split for fakes of the same name."""
    names = ("train", "val", "test")
    return {
        "FaceForensics++": {
            label: {names[number % 3]: {"c23": _entry(label, video), "c40": {}}}
            for number, (label, (video, _)) in enumerate(METHODS.items())
        },
        "DeepFakeDetection": {
            "DFD_real": {"train": {"c23": _entry("DFD_real", "01__exit_room")}},
            "DFD_fake": {"test": {"c23": _entry("DFD_fake", "01_02__exit_room__AB12CD3E")}},
        },
    }


def test_videos_are_known_by_method_and_name():
    found = splits_file.read(json.dumps(_content()), "a.json", "c23")
    names = ("train", "validation", "test")
    assert found == {
        **{(m, video): names[n % 3] for n, (video, m) in enumerate(METHODS.values())},
        ("actors", "01__exit_room"): "train",
        ("DeepFakeDetection", "01_02__exit_room__AB12CD3E"): "test",
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1], "it is no object"),
        ({"a": 1}, "a is no object with a name for each label"),
        ({"a": {"FF-DF": []}}, "a / FF-DF is no object with a name for each split"),
        ({"a": {"FF-DF": {"train": {"c23": ["000_003"]}}}}, "no object with a name for each video"),
        ({"a": {"FF-XY": {"train": {"c23": {"1": {}}}}}}, "the label 'FF-XY' is none of FF-real, "),
        ({"a": {"FF-DF": {"eval": {"c23": {"1": {}}}}}}, "the split 'eval' of FF-DF is none of"),
        ({"a": {"FF-DF": {"test": {"c40": {"1": {}}}}}}, "no video of the .* c23, only of c40"),
        (
            {"a": {"FF-DF": {"test": {"c23": {"1": {}}}, "val": {"c23": {"1": {}}}}}},
            "FF-DF has '1' in test and in validation",
        ),
    ],
)
def test_what_is_not_understood(content, reason):
    with pytest.raises(UserError, match=reason) as error:
        splits_file.read(json.dumps(content), "a.json", "c23")
    assert "\n" not in str(error.value)


def test_the_file_replaces_the_official_splits(tmp_path):
    _write(tmp_path / "held", _official())
    file = tmp_path / "splits.json"
    file.write_text(json.dumps(_content()))
    holdings = faceforensics_tree.survey(tmp_path / "held", Selection(splits_file=str(file)))
    assert {video.video_id: video.split for video in holdings.videos} == {
        "youtube/000": "train",
        "Deepfakes/000_003": "validation",
        "Face2Face/000_003": "test",
        "FaceSwap/000_003": "train",
        "NeuralTextures/000_003": "validation",
    }
    assert {each.reason for each in holdings.ignored} == {"in no split of the file of splits"}
    assert len(holdings.ignored) == len(_official()) - 5
    assert holdings.expected["test", "Face2Face"] == 1
    assert holdings.expected["test", "Deepfakes"] == 0


def test_the_name_depends_on_the_contents_of_the_file(config, tmp_path):
    names = []
    for text in ("{}", '{"a": {}}'):
        (tmp_path / "splits.json").write_text(text)
        config.data.splits_file = str(tmp_path / "splits.json")
        names.append(prepare.create_builder(config.data).builder_config.name)
    assert len(set(names)) == 2
    config.data.splits_file = str(tmp_path / "gone.json")
    with pytest.raises(UserError, match=r"gone\.json cannot be read"):
        prepare.create_builder(config.data)


def test_what_was_built_is_written_and_read(dataset, tmp_path, capsys):
    file = tmp_path / "splits.json"
    assert audit.main([str(dataset.folder), f"--splits_json={file}"]) == 0
    assert "has no lists of frames: clips were cut from videos." in capsys.readouterr().out
    content = json.loads(file.read_text())
    assert '"frames"' not in file.read_text()
    assert set(content) == {"FaceForensics++"}
    assert set(content["FaceForensics++"]["FF-real"]) == {"train", "val", "test"}
    methods = ("DemoIdentitySwap", "DemoFlicker", "DemoReorder")
    found = splits_file.read(file.read_text(), "splits.json", "c23", methods)
    rows = {split: dataset.metadata(split) for split in dataset.splits}
    assert found == {
        tuple(row["video_id"].split("/")): split for split in rows for row in rows[split]
    }
    assert audit.main([str(dataset.folder), f"--splits_json={tmp_path / 'no' / 'a.json'}"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_stored_frames_are_listed_by_method_and_video():
    """As DeepfakeBench's readers need them: in the order of their numbers, below its own folder."""
    rows = [
        {"video_id": "youtube/000", "compression": "c23"},
        {"video_id": "Deepfakes/000_003", "compression": "c23"},
        {"video_id": "FaceSwap/000_003", "compression": "c23"},
        {"video_id": "actors/01__exit_room", "compression": "raw"},
    ]
    places = {
        "FF-real": "original_sequences/youtube/c23/frames/000",
        "FF-DF": "manipulated_sequences/Deepfakes/c23/frames/000_003",
        "FF-FS": "manipulated_sequences/FaceSwap/c23/frames/000_003",
        "DFD_real": "original_sequences/actors/c0/frames/01__exit_room",
    }
    names = ("1000.png", "099.png", "002.png")
    sources = [f"held/{place}/{name}" for place in places.values() for name in names]
    sources += [f"held/{place.replace('frames', 'landmarks')}/002.npy" for place in places.values()]
    sources += ["held/manipulated_sequences/Deepfakes/c40/frames/000_003/7.png"]
    text = splits_file.write({"test": rows}, sources)
    videos = {
        label: video
        for labels in json.loads(text).values()
        for label, by_split in labels.items()
        for video in by_split["test"].values()
    }
    for label, place in places.items():
        ((video, entry),) = videos[label].items()
        assert place.endswith(f"/{video}")
        frames = [f"FaceForensics++/{place}/{name}" for name in reversed(names)]
        assert entry == {"label": label, "frames": frames}
    found = splits_file.read(text, "a.json", "c23")
    assert found == {tuple(row["video_id"].split("/")): "test" for row in rows[:3]}


def test_other_data_sets_are_not_written():
    row = {"video_id": "real/a", "compression": ""}
    with pytest.raises(UserError, match="real/a has no compression"):
        splits_file.write({"test": [row]})
