"""Verdicts with a stated error rate, through the commands and the page."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

import fdd
from fdd import evaluate, predict, train
from fdd.errors import UserError
from fdd.evaluation.conformal import Conformal, Validated
from fdd.inference import words
from fdd.runs import validated_file
from fdd.webpage import answer


def test_a_video_is_undecided_where_validation_has_too_few_people(finished, pair, capsys):
    """It has one pair, which is enough for an error rate of one half and for no lower one."""
    predict.main([f"--workdir={finished}", "--error_rate=0.1", "--json", str(pair[0])])
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["format"]) == ("undecided", 2)
    assert 0 < found["probability"] < 1
    made = found["conformal"]
    assert (made["error_rate"], made["groups_real"], made["groups_fake"]) == (0.1, 1, 1)
    assert min(made["p_real"], made["p_fake"]) >= 0.5
    assert "takes 9 groups" in made["shortage"] and "people who are exchangeable" in made["promise"]
    predict.main([f"--workdir={finished}", "--error_rate=0.1", str(pair[0])])
    said = capsys.readouterr().out
    assert ": undecided, probability of fake" in said and made["shortage"] in said


def _with_validated(detector):
    known = Validated(np.repeat([0, 1], 9), np.repeat([-9.0, 9.0], 9), np.tile(np.arange(9), 2))
    return dataclasses.replace(detector, conformal=Conformal(known, 0.1))


def test_with_enough_people_it_decides(finished, pair):
    """All genuine validation videos got -9 here, and all fakes 9."""
    plain = fdd.Detector.load(finished)
    before, after = plain.predict(pair[0]), _with_validated(plain).predict(pair[0])
    assert before.conformal is None and before.as_json()["conformal"] is None
    assert (after.logit, after.interval) == (before.logit, before.interval)
    assert -9 < after.logit < 9, "unusual for both, and equally so: the threshold decides"
    assert after.conformal["p_real"] == after.conformal["p_fake"] == pytest.approx(0.1)
    assert after.verdict == after.people[0].verdict == before.verdict
    assert after.conformal["shortage"] == ""
    assert f"an error rate of 0.1 it is called {after.verdict}" in words.meaning(after)


def test_the_page_shows_that_a_video_is_undecided(finished, pair):
    made = fdd.Detector.load(finished, error_rate=0.1).predict(pair[0])
    page = answer.page(made)
    assert '<section class="verdict undecided"' in page and "<h2>Undecided</h2>" in page
    assert "At an error rate of 0.1 it is undecided" in page
    assert "Validation has too few people" in page


def test_an_evaluation_reports_errors_and_what_is_undecided(finished, tmp_path, capsys):
    evaluate.main([f"--workdir={finished}", "--error_rate=0.5", f"--out={tmp_path}"])
    (report,) = tmp_path.iterdir()
    found = json.loads((report / "metrics.json").read_text())["conformal"]
    assert found["error_rate"] == 0.5 and found["groups_real"] == 1
    shares = [found[key] for key in ("real_called_fake", "fake_called_real", "undecided")]
    assert all(0 <= share <= 1 for share in shares)
    said = f"{100 * shares[2]:.1f} % of all are undecided"
    assert said in capsys.readouterr().out and said in (report / "report.md").read_text()


def test_an_older_run_says_how_to_get_it(finished, config, tmp_path, monkeypatch):
    folder = shutil.copytree(finished, tmp_path / "tiny")
    (folder / validated_file.FILE).unlink()
    with pytest.raises(UserError, match=r"not stored: .* --mode=eval --workdir=.*tiny stores it"):
        fdd.Detector.load(folder, error_rate=0.1)
    train.evaluate_again(config, folder)
    again, first = (
        fdd.Detector.load(each, error_rate=0.1).conformal.validated for each in (folder, finished)
    )
    np.testing.assert_array_equal(again.logits, first.logits)
    np.testing.assert_array_equal(again.groups, first.groups)


@pytest.mark.parametrize("rate", ["0", "1", "-0.1", "nan"])
def test_an_impossible_rate_is_one_line(finished, pair, rate):
    with pytest.raises(SystemExit, match=r"^fdd: an error rate of .* is not above 0 and below 1"):
        predict.main([f"--workdir={finished}", f"--error_rate={rate}", str(pair[0])])
