import json
import shutil

import pytest

from fdd import compare


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
    run = compare.read_run(runs[0])
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
