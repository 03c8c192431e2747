import pytest

from fdd import audit
from fdd.data import splits


def _record(target, source="", method="Deepfakes", digest=None):
    name = f"{target}_{source}" if source else target
    method = method if source else "youtube"
    video_id = f"{method}/{name}"
    return {
        "target": target,
        "source": source,
        "method": method,
        "video_id": video_id,
        "file_sha256": digest or video_id,
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
    text, leaks = audit.audit(rows)
    assert not leaks
    assert text.count("in the official splits too") == 7
    assert "LEAK" not in text
    assert "720 (720)" in text


def test_an_id_in_two_splits_leaks():
    rows = _official()
    rows["test"].append(_record("071", "953"))
    assert [finding.what for finding in audit.shared_people(rows)] == [
        "id 071 is in train and test"
    ]
    text, leaks = audit.audit(rows)
    assert leaks
    assert "LEAK: id 071" in text


def test_a_source_shared_against_the_official_splits_leaks():
    rows = {"train": [_record("331")], "test": [_record("332")]}
    assert splits.official_split("331") == splits.official_split("332")
    (finding,) = audit.shared_sources(rows)
    assert not finding.implied


def test_one_file_under_two_names_leaks():
    rows = {
        "train": [_record("071", digest="abc"), _record("054", digest="abc")],
        "test": [_record("953", digest="abc"), _record("974")],
    }
    (finding,) = audit.identical_files(rows)
    assert "youtube/071 (train)" in finding.what
    assert "youtube/953 (test)" in finding.what
    assert not finding.implied


def test_actors():
    rows = {
        "train": [_record("01__room", "02", "DeepFakeDetection")],
        "test": [_record("23__room", "02", "DeepFakeDetection"), _record("01__hall")],
    }
    whats = [finding.what for finding in audit.shared_people(rows)]
    assert whats == ["actor 01 is in train and test", "actor 02 is in train and test"]


def test_the_command(dataset, capsys):
    assert audit.main([str(dataset.folder)]) == 0
    out = capsys.readouterr().out
    assert "No leakage" in out
    assert "DemoReorder" in out


def test_the_command_on_another_folder(tmp_path, capsys):
    assert audit.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"fdd: {tmp_path} holds no data set\n"
    with pytest.raises(SystemExit):
        audit.main([])
