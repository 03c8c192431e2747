import shutil

import pytest

from fdd import audit
from fdd.data import people, splits
from fdd.evaluation import leakage


def _record(target, source="", method="Deepfakes", digest=None, builder="faceforensics"):
    name = f"{target}_{source}" if source else target
    method = method if source else "youtube"
    video_id = f"{method}/{name}"
    return {
        "target": target,
        "source": source,
        "method": method,
        "video_id": video_id,
        "file_sha256": digest or video_id,
        "label": 1 if source else 0,
        "target_person": people.person(builder, target),
        "source_person": people.person(builder, source),
    }


def _official():
    rows = {}
    for split in splits.SPLITS:
        pairs = splits.official_pairs(split)
        rows[split] = [_record(i) for pair in pairs for i in pair]
        rows[split] += [_record(a, b) for a, b in pairs] + [_record(b, a) for a, b in pairs]
    return rows


def test_the_official_splits_imply_seven_shared_sources_and_nothing_else():
    rows = _official()
    text, leaks = leakage.audit(rows)
    assert not leaks
    assert text.count("in the official splits too") == 7
    assert "LEAK" not in text
    assert "720 (720)" in text


def test_an_id_in_two_splits_leaks():
    rows = _official()
    rows["test"].append(_record("071", "953"))
    assert [finding.what for finding in leakage.shared_people(rows)] == [
        "id 071 is in train and test"
    ]
    text, leaks = leakage.audit(rows)
    assert leaks
    assert "LEAK: id 071" in text


def test_a_source_shared_against_the_official_splits_leaks():
    rows = {"train": [_record("331")], "test": [_record("332")]}
    assert splits.official_split("331") == splits.official_split("332")
    (finding,) = leakage.shared_sources(rows)
    assert not finding.implied


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            {"train": [_record("071", digest="a")], "test": [_record("953", digest="a")]},
            "the same file: youtube/953 (test, real), youtube/071 (train, real)",
        ),
        (
            {"train": [_record("071", digest="a"), _record("054", digest="a")]},
            "the same file: youtube/054 (train, real), youtube/071 (train, real)",
        ),
        (
            {"train": [_record("071", digest="a"), _record("071", "054", digest="a")]},
            "the same file, real and fake: Deepfakes/071_054 (train, fake), youtube/071 (train, ",
        ),
    ],
    ids=["two splits", "one split", "both labels"],
)
def test_one_file_under_two_names_leaks(rows, said):
    clips = {split: [*records, *records] for split, records in rows.items()}  # Two of each video.
    (finding,) = leakage.identical_files(clips)
    assert finding.what.startswith(said)
    assert not finding.implied
    text, leaks = leakage.audit(clips)
    assert leaks
    assert f"LEAK: {said}" in text


def test_actors():
    rows = {
        "train": [_record("01__room", "02", "DeepFakeDetection")],
        "test": [_record("23__room", "02", "DeepFakeDetection"), _record("01__hall")],
    }
    whats = [finding.what for finding in leakage.shared_people(rows)]
    assert whats == ["actor 01 is in train and test", "actor 02 is in train and test"]


def test_celebrities_in_any_video():
    rows = {
        "train": [_record("id0_0000", "id1", builder="celeb_df")],
        "test": [_record("id1_0007", builder="celeb_df"), _record("00170", builder="celeb_df")],
    }
    (finding,) = leakage.shared_people(rows, "celeb_df")
    assert finding == leakage.Finding("id1 is in train and test", implied=True)
    text, leaks = leakage.audit(rows, builder="celeb_df")
    assert "in the official splits too: id1 is in train and test" in text
    assert not leaks


def test_groups_of_the_users_own_videos_are_used_unchanged():
    """Two of them have the names of FaceForensics++ videos of one source, or of an actor."""
    rows = {
        split: [_record(name, digest=f"{split} {name}", builder="folder") for name in names]
        for split, names in {
            "train": ("331", "07", "Ann"),
            "test": ("332", "07__walk", "Ann"),
        }.items()
    }
    assert len(leakage.shared_sources(rows)) == 1
    whats = [finding.what for finding in leakage.shared_people(rows, "folder")]
    assert whats == ["Ann is in train and test"]
    assert leakage.audit(rows, builder="folder")[0].count("LEAK: ") == 1


def test_the_command(dataset, capsys):
    assert audit.main([str(dataset.folder)]) == 0
    out = capsys.readouterr().out
    assert "No leakage" in out
    assert "DemoReorder" in out


@pytest.mark.parametrize("place", ["..", "../..", "../../..", "dataset_info.json"])
def test_the_command_on_a_folder_around_the_data_set(dataset, capsys, place):
    assert audit.main([str(dataset.folder / place)]) == 0
    assert "No leakage" in capsys.readouterr().out


def test_the_command_where_there_are_two_data_sets(dataset, tmp_path, capsys):
    for name in ("one", "two", "x.incomplete_AB"):
        shutil.copytree(dataset.folder, tmp_path / name / "1.0.0")
    assert audit.main([str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert f"holds 2 data sets, say which: {tmp_path}/one/1.0.0, {tmp_path}/two/1.0.0" in err


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\0", b'{"name": 1}'])
def test_the_command_on_a_damaged_data_set(dataset, tmp_path, capsys, content):
    for name in ("dataset_info.json", "features.json", "metadata.json"):
        folder = tmp_path / name.split(".")[0]
        shutil.copytree(dataset.folder, folder)
        (folder / name).write_bytes(content)
        assert audit.main([str(folder)]) == 2, name
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1
        assert "Traceback" not in err


def test_the_command_on_another_folder(tmp_path, capsys):
    assert audit.main([str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"fdd: {tmp_path} holds no data set: expected dataset_info.json there")
    assert len(err.splitlines()) == 1
    with pytest.raises(SystemExit):
        audit.main([])
