import dataclasses
import json

import numpy as np
import pytest

from fdd import evaluate
from fdd.data.builders import faceforensics_tree
from fdd.data.builders.faceforensics import Selection
from fdd.errors import UserError
from fdd.evaluation import robustness
from fdd.report import evaluations
from fdd.report import robustness as report
from fdd.video import perturbations
from fdd.video.preprocessing import Preprocessing

SPEC = Preprocessing(image_size=32, sampling="first")


@pytest.fixture(scope="module")
def videos(tree):
    found = faceforensics_tree.survey(tree, Selection(methods=("DemoFlicker",))).videos
    return [video for video in found if video.split == "validation"]


def test_every_damage_at_every_level_is_the_same_each_time(videos):

    def colour(clips):
        return np.ptp(clips.astype(float), axis=-1).mean(axis=(1, 2, 3)), None

    pair = [next(video for video in videos if video.label == label) for label in ("real", "fake")]
    areas, answered = robustness.evaluate(pair, SPEC, colour)
    assert answered == {}
    assert set(areas) == {robustness.CLEAN, *perturbations.KINDS}
    assert all(len(areas[kind]) == 5 for kind in perturbations.KINDS)
    again = robustness.evaluate(
        pair, SPEC, lambda clips: (colour(clips)[0],) * 2, knows=lambda mean: mean > 5
    )
    assert again[0] == areas
    assert again[1]["saturation"][4] == 0 < again[1][robustness.CLEAN][0] == 1


def test_failed_videos_are_named_and_an_unknown_auc_is_null(videos, tmp_path, capsys):
    """The real videos' files are empty, so the AUC is unknown, and JSON has no NaN."""
    (tmp_path / "empty.mp4").touch()
    some = [
        video if video.label == "fake" else dataclasses.replace(video, path=tmp_path / "empty.mp4")
        for video in sorted(videos, key=lambda video: video.label)[1:]  # The fakes first.
    ]
    areas, _ = robustness.evaluate(some, SPEC, lambda clips: (np.zeros(len(clips)), None))
    reals = sum(video.label == "real" for video in videos)
    said = f"fdd: {reals} of {len(some)} videos gave no clips and are not counted (youtube/"
    assert said in capsys.readouterr().err
    assert "undamaged: n/a" in report.table(areas)
    report.write(tmp_path, areas)
    stored = json.loads((tmp_path / "robustness.json").read_text(), parse_constant=pytest.fail)
    assert stored["none"] == [None]
    nothing = [video for video in some if video.label == "real"]
    with pytest.raises(UserError, match="gave no clips"):
        robustness.evaluate(nothing, SPEC, lambda clips: (np.zeros(len(clips)), None))


@pytest.mark.thorough
def test_undamaged_videos_score_as_in_the_evaluation(finished, dataset, capsys):
    evaluate.main([f"--workdir={finished}", "--robustness", "--split=validation"])
    out = capsys.readouterr().out
    summary = next(iter(evaluations.evaluate(finished, split="validation").values()))
    assert f"undamaged: {summary['video']['auc']:.3f}" in out
    assert all(out.count(kind) == 2 for kind in perturbations.KINDS)  # AUC, and share answered.
    folder = finished / f"evaluations/faceforensics-{dataset.key}-validation-robustness"
    assert f"Report: {folder}" in out
    assert (folder / "robustness.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "robustness.json").exists()


def test_without_videos(finished, tmp_path):
    with pytest.raises(SystemExit, match="say --videos=DIR"):
        evaluate.main([f"--workdir={finished}", "--robustness", f"--videos={tmp_path / 'none'}"])
