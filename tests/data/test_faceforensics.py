import pytest

from fdd.data import catalog, faceforensics
from fdd.errors import UserError
from fdd.video.clips import Preprocessing


def _touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


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
    videos = faceforensics.find_videos(tmp_path, "c23", ("Deepfakes", "FaceSwap"))
    found = {video.video_id: video for video in videos}
    assert set(found) == {"youtube/071", "youtube/953", "Deepfakes/071_054", "FaceSwap/071_054"}
    assert len({video.video_id for video in videos}) == len(videos)
    fake = found["FaceSwap/071_054"]
    assert (fake.label, fake.target, fake.source, fake.split) == ("fake", "071", "054", "train")
    real = found["youtube/953"]
    assert (real.label, real.target, real.source, real.split) == ("real", "953", "", "test")


def test_raw_may_be_called_c0(tmp_path):
    _touch(tmp_path, _real("071", "c0"), _fake("Deepfakes", "071_054", "raw"))
    videos = faceforensics.find_videos(tmp_path, "raw", ("Deepfakes",))
    assert {video.video_id for video in videos} == {"youtube/071", "Deepfakes/071_054"}


def test_nothing_there_names_the_layout(tmp_path):
    with pytest.raises(UserError, match=r"no c40 video .*original_sequences/youtube/c40/videos"):
        faceforensics.find_videos(tmp_path, "c40", ("Deepfakes",))


def test_a_mistyped_method_is_refused(tmp_path):
    _touch(tmp_path, _real("071"))
    with pytest.raises(UserError, match="unknown method 'DeepFakes'"):
        faceforensics.find_videos(tmp_path, "c23", ("DeepFakes",))
    with pytest.raises(UserError, match="compression 'c41'"):
        faceforensics.find_videos(tmp_path, "c41", ("Deepfakes",))


def test_the_real_video_leads_its_group(tmp_path):
    _touch(tmp_path, _fake("Deepfakes", "071_054"), _real("071"), _fake("Deepfakes", "054_071"))
    videos = faceforensics.find_videos(tmp_path, "c23", ("Deepfakes",))
    groups = [[video.video_id for video in group] for group in catalog.by_target(videos)]
    assert groups == [["Deepfakes/054_071"], ["youtube/071", "Deepfakes/071_054"]]


def test_config_names_tell_settings_apart():
    names = {
        faceforensics.config_name("c23", faceforensics.METHODS, Preprocessing()),
        faceforensics.config_name("c40", faceforensics.METHODS, Preprocessing()),
        faceforensics.config_name("c23", ("Deepfakes",), Preprocessing()),
        *(
            faceforensics.config_name("c23", faceforensics.METHODS, Preprocessing(**changed))
            for changed in (
                {"region": "full_frame"},
                {"margin": 1.4},
                {"image_size": 112},
                {"num_frames": 5},
                {"sampling": "consecutive"},
                {"clips_per_video": 2},
                {"jpeg_quality": 90},
            )
        ),
    }
    assert len(names) == 10
    assert "c23-face-uniform1x10-224px" in names
