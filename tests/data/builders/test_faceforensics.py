import collections
import itertools
import json

import pytest

from fdd.data import catalog, splits
from fdd.data.builders import faceforensics, faceforensics_tree
from fdd.data.builders.faceforensics import Selection
from fdd.errors import UserError
from fdd.video.preprocessing import Preprocessing


def _touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def _find(root, **settings):
    return faceforensics_tree.survey(
        root, Selection(**{"methods": ("Deepfakes",), **settings})
    ).videos


def _real(name, compression="c23"):
    return f"original_sequences/youtube/{compression}/videos/{name}.mp4"


def _fake(method, name, compression="c23"):
    return f"manipulated_sequences/{method}/{compression}/videos/{name}.mp4"


def test_finds_what_is_there(tmp_path):
    _touch(
        tmp_path,
        _real("071"),
        _real("953"),
        _real("953", "c40"),
        _fake("Deepfakes", "071_054"),
        _fake("FaceSwap", "071_054"),
        _fake("FaceSwap", "071_953"),  # Mixes splits: no pair of the official lists.
        _fake("FaceSwap", "notes"),
        _fake("FaceShifter", "071_054"),
    )
    videos = _find(tmp_path, methods=("Deepfakes", "FaceSwap"))
    found = {video.video_id: video for video in videos}
    assert set(found) == {"youtube/071", "youtube/953", "Deepfakes/071_054", "FaceSwap/071_054"}
    assert len({video.video_id for video in videos}) == len(videos)
    fake = found["FaceSwap/071_054"]
    assert (fake.label, fake.target, fake.source, fake.split) == ("fake", "071", "054", "train")
    real = found["youtube/953"]
    assert (real.label, real.target, real.source, real.split) == ("real", "953", "", "test")


def test_raw_may_be_called_c0(tmp_path):
    _touch(tmp_path, _real("071", "c0"), _fake("Deepfakes", "071_054", "raw"))
    videos = _find(tmp_path, compression="raw")
    assert {video.video_id for video in videos} == {"youtube/071", "Deepfakes/071_054"}


def test_nothing_there_names_the_layout(tmp_path):
    with pytest.raises(UserError, match=r"no c40 video .*original_sequences/youtube/c40/videos"):
        _find(tmp_path, compression="c40")


def test_a_mistyped_method_is_refused(tmp_path):
    _touch(tmp_path, _real("071"))
    with pytest.raises(UserError, match="unknown method 'DeepFakes'"):
        _find(tmp_path, methods=("DeepFakes",))
    with pytest.raises(ValueError, match="compression must be one of raw, c23, c40, not 'c41'"):
        Selection(compression="c41")


def test_the_real_video_comes_first_in_its_group(tmp_path):
    _touch(tmp_path, _fake("Deepfakes", "071_054"), _real("071"), _fake("Deepfakes", "054_071"))
    videos = _find(tmp_path)
    groups = [[video.video_id for video in group] for group in catalog.by_scene(videos)]
    assert groups == [["Deepfakes/054_071"], ["youtube/071", "Deepfakes/071_054"]]


def test_actors(tmp_path):
    """No actor of a held-out video, target or source, is an actor of a training video."""
    actors = [f"{number:02d}" for number in range(1, 29)]
    _touch(
        tmp_path,
        *(f"original_sequences/actors/c23/videos/{actor}__exit_room.mp4" for actor in actors),
        *(
            _fake("DeepFakeDetection", f"{target}_{source}__exit_room__AB12CD{target}")
            for target, source in itertools.permutations(actors, 2)
        ),
        _fake("DeepFakeDetection", "01_02__exit_room__short"),
    )
    videos = _find(tmp_path, methods=("DeepFakeDetection",))
    people = {}
    for video in videos:
        people.setdefault(video.split, set()).update(
            faceforensics.people(video.target, video.source)
        )
    assert {split: len(names) for split, names in people.items()} == {
        "train": 16,
        "validation": 6,
        "test": 6,
    }
    assert len(set.union(*people.values())) == 28
    fakes = [video for video in videos if video.label == "fake"]
    assert len(fakes) == 16 * 15 + 6 * 5 + 6 * 5
    assert all(len(group) > 1 for group in catalog.by_scene(videos))


def test_methods_bring_their_originals(tmp_path):
    _touch(tmp_path, _real("071"), "original_sequences/actors/c23/videos/01__exit_room.mp4")
    found = {
        methods: [video.video_id for video in _find(tmp_path, methods=methods)]
        for methods in (
            ("Deepfakes",),
            ("DeepFakeDetection",),
            ("Deepfakes", "DeepFakeDetection"),
        )
    }
    assert list(found.values()) == [
        ["youtube/071"],
        ["actors/01__exit_room"],
        ["actors/01__exit_room", "youtube/071"],
    ]


def test_groups_of_one_source_video(shared):
    official = json.loads((shared / "ffpp/same_source_video.json").read_text())
    assert [sorted(group) for group in faceforensics.same_source_groups()] == official
    assert len(faceforensics.straddling_groups()) == 7


def test_videos_that_straddle_splits_can_be_dropped(tmp_path):
    ids = [i for pair in splits.official_pairs("train") for i in pair]
    held_out = [i for pair in splits.official_pairs("test") for i in pair]
    _touch(tmp_path, *(_real(i) for i in ids + held_out))
    _touch(tmp_path, *(_fake("Deepfakes", f"{a}_{b}") for a, b in splits.official_pairs("train")))
    everything = {video.video_id for video in _find(tmp_path)}
    strict = _find(tmp_path, drop_same_source=True)
    straddling = set().union(*faceforensics.straddling_groups())
    dropped = everything - {video.video_id for video in strict}
    assert {video_id for video_id in dropped if video_id.startswith("youtube")} == {
        f"youtube/{i}" for i in ids if i in straddling
    }
    assert dropped
    assert not any(
        {video.target, video.source} & straddling for video in strict if video.split == "train"
    )


def test_limits_are_kept_and_methods_drawn_evenly(tmp_path):
    pairs = splits.official_pairs("train")[:30]
    _touch(tmp_path, *(_real(i) for pair in pairs for i in pair))
    methods = ("Deepfakes", "FaceSwap", "Face2Face")
    _touch(tmp_path, *(_fake(method, f"{a}_{b}") for method in methods for a, b in pairs))
    settings = {"methods": methods, "train_per_class": 45}
    videos = _find(tmp_path, **settings)
    counts = collections.Counter(video.method for video in videos)
    assert counts == {"youtube": 45, "Deepfakes": 15, "FaceSwap": 15, "Face2Face": 15}
    assert videos == _find(tmp_path, **settings)


def test_a_real_video_gets_a_mask(tmp_path):
    mask = "manipulated_sequences/Deepfakes/masks/videos/071_054.mp4"
    _touch(tmp_path, _real("071"), _real("054"), _fake("Deepfakes", "071_054"), mask)
    masks = {video.video_id: video.mask for video in _find(tmp_path)}
    assert masks["youtube/071"] == str(tmp_path / mask)
    assert masks["youtube/054"] == ""


def test_config_names_depend_on_settings():
    names = {
        faceforensics.config_name(Selection(**selection), Preprocessing(**preprocessing))
        for selection, preprocessing in [
            ({}, {}),
            ({"compression": "c40"}, {}),
            ({"methods": ("Deepfakes",)}, {}),
            ({"drop_same_source": True}, {}),
            ({"train_per_class": 5}, {}),
            ({"held_out_per_class": 5}, {}),
            ({}, {"region": "full_frame"}),
            ({}, {"margin": 1.4}),
            ({}, {"image_size": 112}),
            ({}, {"num_frames": 5}),
            ({}, {"sampling": "consecutive"}),
            ({}, {"clips_per_video": 2}),
            ({}, {"jpeg_quality": 90}),
        ]
    }
    assert len(names) == 13
    assert "c23-face-uniform1x10-224px" in names
