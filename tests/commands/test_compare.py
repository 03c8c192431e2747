import json
import shutil

import numpy as np
import pytest
import sklearn.metrics

from fdd import compare
from fdd.report import comparison


@pytest.fixture
def runs(finished, tmp_path):
    """The session's run, the same with another seed and results, and one of another config."""
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        shutil.copytree(finished / "report", folder / "report")
        shutil.copy(finished / "config.json", folder)
    for folder, changes in ((folders[1], {"seed": 7}), (folders[2], {"batch_size": 2})):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changes}))
    for folder, accuracy in zip(folders, (0.5, 0.7, 0.9), strict=True):
        path = folder / "report/metrics.json"
        metrics = json.loads(path.read_text())
        metrics["video"]["accuracy"] = accuracy
        path.write_text(json.dumps(metrics))
    return folders


def test_seeds_share_a_line(runs, tmp_path, capsys):
    figure = tmp_path / "new" / "roc.png"
    compare.main([*map(str, runs), f"--figure={figure}"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["run", "seeds", "accuracy", "AUC"]
    assert lines[1].startswith("a and 1 more")
    assert "0.6000 ± 0.1414" in lines[1]
    assert lines[2].startswith("c ")
    assert "0.9000" in lines[2]
    assert "DemoReorder" in lines[0]
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_curves_are_of_videos(runs):
    run = comparison.read_run(runs[0])
    labels, logits = run.video_scores()
    assert (labels.tolist().count(0), labels.tolist().count(1)) == (4, 12)
    (tn, _), (_, tp) = run.metrics["video"]["confusion_matrix"]
    assert ((logits > 0) == labels).sum() == tn + tp


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"{}"])
def test_damaged_files_are_one_line(runs, content):
    (runs[0] / "report/metrics.json").write_bytes(content)
    with pytest.raises(SystemExit, match=r"^fdd: .*a/report/metrics\.json .*--mode=eval"):
        compare.main([*map(str, runs)])
    (runs[1] / "config.json").write_bytes(b"{")
    with pytest.raises(SystemExit, match=r"^fdd: .*b/config\.json is damaged"):
        compare.main([*map(str, runs[1:])])
    (runs[2] / "report/predictions.csv").write_bytes(content)
    with pytest.raises(SystemExit, match=r"^fdd: .*c/report/predictions\.csv is damaged"):
        compare.main([str(runs[2])])


def test_a_run_is_not_counted_as_two_seeds(runs, tmp_path):
    for again in (runs[0], shutil.copytree(runs[0], tmp_path / "copy")):
        with pytest.raises(SystemExit, match=r"a and .* are the same run, or two with the same"):
            compare.main([str(runs[0]), str(runs[1]), str(again)])


def test_data_sets_that_differ_are_named(runs, tmp_path, capsys):
    """Two runs may have equal configs and equal names of videos, but other videos."""
    path = runs[1] / "report/metrics.json"
    metrics = json.loads(path.read_text())
    known = metrics["data_set"]["key"]
    metrics["data_set"]["key"] = "0a1b2c3d"
    path.write_text(json.dumps(metrics))
    compare.main([*map(str, runs[:2]), f"--figure={tmp_path / 'roc.png'}"])
    text = capsys.readouterr().out
    assert "±" not in text
    assert "These runs were tested on different data sets. a: " in text
    assert f"key {known}; b: " in text and "key 0a1b2c3d" in text
    compare.main([str(runs[0]), str(runs[2]), f"--figure={tmp_path / 'roc.png'}"])
    assert "different data sets" not in capsys.readouterr().out


def test_truncated_predictions_are_refused(runs):
    path = runs[0] / "report/predictions.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(SystemExit, match=r"predictions\.csv is damaged: --mode=eval"):
        compare.main([str(runs[0])])


def test_pictures_that_cannot_be_written(runs, tmp_path, capsys):
    with pytest.raises(SystemExit, match=r"roc\.webp must end in one of \.png, \.pdf, \.eps"):
        compare.main([str(runs[0]), f"--figure={tmp_path / 'roc.webp'}"])
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"cannot be written \(.*\): name another file"):
        compare.main([str(runs[0]), f"--figure={tmp_path / 'file/roc.png'}"])
    assert "accuracy" in capsys.readouterr().out, "the table does not need the picture"


def test_an_unfinished_run(tmp_path):
    with pytest.raises(SystemExit, match=r"holds no finished run: config\.json is missing"):
        compare.main([str(tmp_path)])


def _write_run(folder, name, logits, videos):
    """A run whose report has a clip per video."""
    report = folder / name / "report"
    report.mkdir(parents=True)
    (folder / name / "config.json").write_text(json.dumps({"seed": 0, "name": name}))
    (report / "metrics.json").write_text(json.dumps({"video": {}, "per_method": {}}))
    lines = ["video_id,method,label,clip_index,logit,target_person,source_person"]
    for (video, label, target, source), logit in zip(videos, logits, strict=True):
        lines.append(f"{video},{video.split('/')[0]},{label},0,{logit},{target},{source}")
    (report / "predictions.csv").write_text("\n".join(lines) + "\n")
    return comparison.read_run(folder / name)


@pytest.fixture
def videos():
    """Thirty pairs, two originals and two fakes each."""
    pairs = [(f"{2 * i:03d}", f"{2 * i + 1:03d}") for i in range(30)]
    both = [ids for pair in pairs for ids in (pair, pair[::-1])]
    return [(f"youtube/{a}", "real", a, "") for a, _ in both] + [
        (f"A/{a}_{b}", "fake", a, b) for a, b in both
    ]


def test_differences_are_of_the_same_videos(videos, tmp_path):
    """Two runs that differ little on hard videos: their difference is sharper than either."""
    rng = np.random.default_rng(0)
    labels = np.array([row[1] == "fake" for row in videos])
    hard = rng.normal(2.0 * labels - 1, 2.0)
    logits = {"a": hard, "b": hard + 0.6 * (2 * labels - 1), "c": rng.permutation(hard)}
    runs = [_write_run(tmp_path, name, each, videos) for name, each in logits.items()]
    lines = comparison.differences(comparison.group(runs)).splitlines()
    assert lines[0].split()[:3] == ["minus", "a", "accuracy"]
    areas = {n: sklearn.metrics.roc_auc_score(labels, each) for n, each in logits.items()}
    for line, name in zip(lines[1:3], "bc", strict=True):
        value, low, _, high = line.split()[-4:]
        assert float(value) == pytest.approx(areas[name] - areas["a"], abs=1e-4)
        assert float(low) < float(value) < float(high)
    assert float(lines[1].split()[-3]) > 0
    assert float(lines[1].split()[-1]) - float(lines[1].split()[-3]) < 0.1
    assert "30 groups of people" in lines[3]


def test_differences_that_cannot_be_had(videos, tmp_path):
    run = _write_run(tmp_path, "a", range(120), videos)
    assert comparison.differences([[run]]) == ""
    other = _write_run(tmp_path, "b", range(119), videos[1:])
    assert "other videos" in comparison.differences([[run], [other]])
    older = _write_run(tmp_path, "c", range(120), videos)
    file = older.folder / "report/predictions.csv"
    rows = file.read_text().splitlines()
    file.write_text("\n".join(row.rsplit(",", 2)[0] for row in rows) + "\n")
    assert "the report of c is of an older version" in comparison.differences([[older], [run]])
    few = [_write_run(tmp_path, name, range(8), videos[:4] + videos[60:64]) for name in "de"]
    assert "not given" in comparison.differences([[each] for each in few])
