import csv
import json
import pathlib
import shutil

import numpy as np
import pytest

from fdd import evaluate
from fdd.data.records import Dataset
from fdd.errors import UserError
from fdd.evaluation.scores import frame_order, score
from fdd.inference.detector import Detector
from fdd.report import evaluations
from fdd.runs import prepare
from tests.rounding import LOGIT


def _predictions(folder):
    with (folder / "predictions.csv").open() as file:
        return {(row["video_id"], row["clip_index"]): row["logit"] for row in csv.DictReader(file)}


def test_the_same_scores_as_the_report_of_the_run(finished, capsys):
    evaluate.main([f"--workdir={finished}"])
    assert "DemoReorder" in capsys.readouterr().out
    (folder,) = (finished / "evaluations").glob("*-test-as_is")
    assert _predictions(folder) == _predictions(finished / "report")
    again, first = (
        json.loads((each / "metrics.json").read_text()) for each in (folder, finished / "report")
    )
    assert 0 <= first["familiarity"]["answered"] <= 1
    assert "would get an answer" in " ".join(first["notes"])
    assert again == first
    assert "loss.png" not in (folder / "report.md").read_text()


def test_a_run_whose_familiarity_is_not_known_says_so(finished, dataset, tmp_path, capsys):
    folder = shutil.copytree(finished, tmp_path / "tiny")
    (folder / "familiarity.safetensors").unlink()
    (summary,) = evaluations.evaluate(folder, [dataset.folder], "validation").values()
    assert "familiarity is not known" in capsys.readouterr().err
    assert "familiarity" not in summary
    assert any(note.startswith("Familiarity is not known") for note in summary["notes"])


def test_batch_size_does_not_matter(finished, dataset):
    loaded = Detector.load(finished)
    logits = [
        score(loaded.eval_step, loaded.state, dataset, "test", batch_size).logits
        for batch_size in (3, 8)
    ]
    np.testing.assert_allclose(*logits, rtol=0, atol=LOGIT)


def test_frame_orders():
    assert frame_order("as_is", 10, "a/0").tolist() == list(range(10))
    assert frame_order("repeated", 10, "a/0").tolist() == [5] * 10
    orders = [tuple(frame_order("shuffled", 10, f"a/{i}").tolist()) for i in range(50)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert len(set(orders)) == 50
    assert tuple(frame_order("shuffled", 10, "a/7").tolist()) == orders[7]


def test_controls_change_the_scores_and_are_noted(finished, dataset):
    summaries = evaluations.evaluate(finished, [dataset.folder], "validation", "shuffled")
    (name,) = summaries
    folder = finished / "evaluations" / name
    assert "the frames of each clip were shuffled" in (folder / "report.md").read_text()
    plain = evaluations.evaluate(finished, [dataset.folder], "validation")
    assert summaries[name]["clip"]["log_loss"] != next(iter(plain.values()))["clip"]["log_loss"]


def test_other_preprocessing_is_refused_or_noted(finished, config, dataset, tmp_path, tree):
    config.data.data_dir = str(tmp_path)
    config.data.demo = None
    config.data.manual_dir = str(tree)
    config.data.jpeg_quality = 80
    other = prepare.open_dataset(config.data)
    with pytest.raises(UserError, match=r"was cut with other preprocessing .* --allow_mismatch"):
        evaluations.evaluate(finished, [dataset.folder, other.folder])
    summaries = evaluations.evaluate(finished, [dataset.folder, other.folder], allow_mismatch=True)
    assert len(summaries) == 2
    notes = [" ".join(summary["notes"]) for summary in summaries.values()]
    assert "Preprocessing differs" not in notes[0]
    assert "Preprocessing differs" in notes[1]
    report = finished / "evaluations" / list(summaries)[1] / "report.md"
    assert "Preprocessing differs" in report.read_text()


def test_reports_go_where_out_says(finished, dataset, tmp_path):
    (name,) = evaluations.evaluate(finished, [dataset.folder], out=tmp_path / "new")
    assert (tmp_path / "new" / name / "report.md").exists()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/new cannot be written \(.*\): say --out=DIR"):
        evaluations.evaluate(finished, [dataset.folder], out=tmp_path / "file/new")


def test_reports_of_data_sets_with_equal_names_have_their_own_folders(
    finished, dataset, tmp_path, capsys
):
    """This includes two old ones without a record of their origin."""
    places = [dataset.folder]
    for number in range(3):
        folder = tmp_path / str(number) / pathlib.Path(*dataset.folder.parts[-3:])
        places.append(pathlib.Path(shutil.copytree(dataset.folder, folder)))
        if number:
            (folder / "identity.json").unlink()
            with (folder / "failures.csv").open("a") as file:
                file.write("youtube/1,0,too dark\n" * number)
    first, copy, *old = (Dataset(place) for place in places)
    assert first.key == copy.key
    out = tmp_path / "out"
    options = [f"--dataset={place}" for place in places[1:]]
    evaluate.main([f"--workdir={finished}", f"--out={out}", "--split=validation", *options])
    names = [f"faceforensics-{each.key}-validation-as_is" for each in (first, *old)]
    assert sorted(names) == sorted(path.name for path in out.iterdir())
    assert len(set(names)) == 3
    said = capsys.readouterr().out
    for name in names:
        assert f"  {name}/report.html" in said
        assert f"key `{name.split('-')[1]}`" in (out / name / "report.md").read_text()


def test_help_says_where_reports_go(capsys):
    with pytest.raises(SystemExit, match="0"):
        evaluate.main(["--help"])
    assert "BUILDER-KEY-SPLIT-FRAMES" in "".join(capsys.readouterr().out.split())  # It is wrapped.


def test_failed_videos_are_counted(finished, dataset, tmp_path):
    folder = tmp_path / "a" / "b" / "copy"
    shutil.copytree(dataset.folder, folder)
    rows = (folder / "coverage.csv").read_text().splitlines()
    cells = next(row for row in rows if row.startswith("test,youtube")).split(",")
    cells[5] = "3"
    rows = [",".join(cells) if row.startswith("test,youtube") else row for row in rows]
    (folder / "coverage.csv").write_text("\n".join(rows) + "\n")
    with (folder / "failures.csv").open("a") as file:
        file.write("youtube/1,,no frames\nyoutube/2,,no frames\nyoutube/3,,too dark\n")
    (summary,) = evaluations.evaluate(finished, [folder]).values()
    assert summary["failed_videos"] == 3
    name = f"faceforensics-{dataset.key}-test-as_is"
    page = (finished / "evaluations" / name / "report.md").read_text()
    assert "3 videos gave no clip and are not counted above (no frames: 2; too dark: 1)" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset=/nowhere"], "fdd: /nowhere holds no data set"),
        (["--split=dev"], "has no split 'dev'"),
    ],
)
def test_wrong_arguments(finished, arguments, message):
    with pytest.raises(SystemExit, match=message):
        evaluate.main([f"--workdir={finished}", *arguments])


def test_no_run(tmp_path):
    with pytest.raises(SystemExit, match="holds no run"):
        evaluate.main([f"--workdir={tmp_path}"])
