import csv

import numpy as np
import pytest
import sklearn.metrics

from fdd.evaluation.scores import Scores


def _scores(rows):
    ids, methods, labels, clips, logits = zip(*rows, strict=True)
    return Scores(
        split="test",
        video_ids=np.array(ids),
        methods=np.array(methods),
        labels=np.array(labels),
        clip_indices=np.array(clips),
        logits=np.array(logits),
        target_people=np.array([name.split("/")[1][:3] for name in ids]),
        source_people=np.full(len(rows), ""),
    )


ROWS = [
    ("youtube/000", "youtube", 0, 0, -2.0),
    ("youtube/000", "youtube", 0, 1, 1.0),
    ("youtube/003", "youtube", 0, 0, 0.5),
    ("A/000_003", "A", 1, 0, 3.0),
    ("A/000_003", "A", 1, 1, -1.0),
    ("B/000_003", "B", 1, 0, -1.0),
    ("B/003_000", "B", 1, 0, 0.1),
]


def test_a_video_is_method_and_name_and_scores_its_mean_logit():
    videos = _scores(ROWS).by_video()
    assert dict(zip(videos.video_ids.tolist(), videos.logits.tolist(), strict=True)) == {
        "youtube/000": -0.5,
        "youtube/003": 0.5,
        "A/000_003": 1.0,
        "B/000_003": -1.0,
        "B/003_000": 0.1,
    }


def test_summary_per_method_is_against_all_real_videos():
    summary = _scores(ROWS).summary()
    assert summary["video"]["confusion_matrix"] == [[1, 1], [1, 2]]
    assert (summary["clip"]["num_real"], summary["clip"]["num_fake"]) == (3, 4)
    assert summary["per_method"]["A"]["auc"] == 1.0
    area = sklearn.metrics.roc_auc_score([0, 0, 1, 1], [-0.5, 0.5, -1.0, 0.1])
    assert summary["per_method"]["B"]["auc"] == pytest.approx(area)
    assert summary["per_method"]["B"]["num_real"] == 2
    assert summary["per_method"]["B"]["num_fake"] == 2


def test_predictions_file(tmp_path):
    _scores(ROWS).write_csv(tmp_path / "p.csv")
    with (tmp_path / "p.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "video_id", "method", "label", "clip_index", "logit", "target_person", "source_person"
    ]  # fmt: skip
    assert [(row["video_id"], row["label"], float(row["logit"])) for row in rows] == [
        (row[0], "fake" if row[2] else "real", row[4]) for row in ROWS
    ]
