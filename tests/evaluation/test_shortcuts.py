import numpy as np
import pytest
import sklearn.linear_model

from fdd.data.people import person
from fdd.evaluation import leakage, shortcuts


def _records(rng, pairs, first=0, clips=2):
    """Pairs of people, two fakes of each target; fields that do not depend on the label."""
    rows = []
    for number in range(pairs):
        two = [f"{first + 2 * number + i:03d}" for i in (0, 1)]
        for target, source in (two, two[::-1]):
            for method in ("youtube", "A", "B"):
                video = _video(rng, target, "" if method == "youtube" else source, method)
                rows += [{**video, **_clip(rng, video, index)} for index in range(clips)]
    return rows


def _video(rng, target, source, method):
    width = int(rng.choice([640, 1280, 1920]))
    name = f"{target}_{source}" if source else target
    return {
        "label": int(method != "youtube"),
        "method": method,
        "video_id": f"{method}/{name}",
        "target": target,
        "source": source,
        "target_person": target,
        "source_person": source,
        "file_sha256": f"{method}/{name}",
        "fps": float(rng.choice([25.0, 29.97])),
        "video_frames": int(rng.integers(300, 800)),
        "file_bytes": int(rng.lognormal(14, 0.5)),
        "video_width": width,
        "video_height": width * 9 // 16,
    }


def _clip(rng, video, index):
    first = int(rng.integers(0, 200)) + 200 * index
    side = round(video["video_height"] * rng.uniform(0.3, 0.6))
    x = int(rng.integers(0, video["video_width"] - side))
    y = int(rng.integers(0, video["video_height"] - side))
    indices = first + np.arange(10)
    return {
        "clip_index": index,
        "frame_indices": indices,
        "seconds": indices / video["fps"],
        "face_score": rng.uniform(0.7, 0.95),
        "crop_box": np.array([x, y, x + side, y + side], float),
    }


def _rows(seed=0, train=40, test=25):
    rng = np.random.default_rng(seed)
    return {"train": _records(rng, train), "test": _records(rng, test, first=500)}


def _larger_crop(row):
    x0, y0, x1, y1 = row["crop_box"]
    grow = 0.08 * (x1 - x0)
    row["crop_box"] = np.array([x0 - grow, y0 - grow, x1 + grow, y1 + grow])


def _shifted_crop(row):
    row["crop_box"] = row["crop_box"] + [0, 60, 0, 60]


def _later(row):
    row["frame_indices"] = row["frame_indices"] + 90
    row["seconds"] = row["frame_indices"] / row["fps"]


def _at_one_size(row):
    """Real videos have the smallest and largest sizes; the crop is the same part of the frame."""
    scale = 1280 / row["video_width"]
    row["crop_box"] = row["crop_box"] * scale
    row |= {"video_width": 1280, "video_height": 720}


PLANTED = {
    "crop size": _larger_crop,
    "crop place": _shifted_crop,
    "clip times": _later,
    "frame rate": lambda row: row.update(fps=30.0),
    "number of frames": lambda row: row.update(video_frames=row["video_frames"] - 150),
    "face score": lambda row: row.update(face_score=row["face_score"] - 0.06),
    "file size": lambda row: row.update(file_bytes=int(row["file_bytes"] * 1.7)),
    "resolution": _at_one_size,
}


@pytest.mark.parametrize("field", PLANTED)
def test_a_planted_leak_is_found_and_named(field):
    rows = _rows()
    for row in rows["train"] + rows["test"]:
        if row["label"]:
            PLANTED[field](row)
    found = shortcuts.probe(rows)
    assert found.leak
    assert next(iter(found.fields)) == field
    assert f"these give the label away: {field} (" in found.text
    low, high = found.limits
    assert 0.5 < low < found.auc < high
    assert ("no clip shows the" in found.text) == (field in ("number of frames", "file size"))


def test_every_field_has_a_planted_leak_here():
    assert set(PLANTED) == set(shortcuts.FIELDS)


def test_false_alarms_are_rare():
    """By chance, 2.5 % of lower limits are above 0.5; more than 5 of 60 are in 0.2 % of cases."""
    alarms = sum(shortcuts.probe(_rows(seed, train=12, test=10)).leak for seed in range(60))
    assert alarms <= 5


def test_fakes_cut_like_their_originals_tell_nothing():
    rows = _rows()
    for records in rows.values():
        originals = {(r["target"], r["clip_index"]): r for r in records if not r["label"]}
        fields = [*_clip(np.random.default_rng(0), records[0], 0), "video_frames", "fps"]
        fields += ["file_bytes", "video_width", "video_height"]
        for row in records:
            row |= {key: originals[row["target"], row["clip_index"]][key] for key in fields}
    found = shortcuts.probe(rows)
    assert (found.auc, found.limits, found.leak) == (0.5, (0.5, 0.5), False)
    assert "give the label away" not in found.text


def test_lengths_of_genuine_fakes_are_a_shortcut_and_explained():
    """FaceSwap is as long as the shorter one of two videos, Deepfakes as its target."""
    rows = _rows(train=360, test=70)
    for records in rows.values():
        count = {row["target"]: row["video_frames"] for row in records if not row["label"]}
        for row in records:
            pair = count[row["target"]], count[row["source"] or row["target"]]
            row["video_frames"] = min(pair) if row["method"] == "A" else pair[0]
    found = shortcuts.probe(rows)
    assert found.fields["number of frames"] > shortcuts.LARGEST_AUC
    assert "no clip shows the number of frames; how the video was cut" in found.text


def test_an_unknown_value_can_be_the_leak():
    rows = _rows()
    for row in rows["train"] + rows["test"]:
        row["face_score"] = 0.0 if row["label"] else row["face_score"]
    found = shortcuts.probe(rows)
    assert found.leak
    assert next(iter(found.fields)) == "face score"
    assert found.fields["face score"] == 1


def test_what_is_not_recorded_or_constant_is_said():
    rows = _rows()
    for row in rows["train"] + rows["test"]:
        del row["video_frames"], row["file_bytes"]
        row["fps"] = 25.0
    found = shortcuts.probe(rows)
    assert "the same everywhere: frame rate, number of frames, file size" in found.text
    assert not {"frame rate", "number of frames", "file size"} & set(found.fields)


def test_records_with_names_only():
    rows = _rows()
    names = ("label", "method", "video_id", "target", "source", "file_sha256")
    bare = {split: [{n: row[n] for n in names} for row in each] for split, each in rows.items()}
    found = shortcuts.probe(bare)
    assert not found.leak
    assert found.text.startswith("none of the fields can tell")


@pytest.mark.parametrize(
    ("spoil", "split"),
    [
        (lambda rows: rows.pop("train"), "training"),
        (lambda rows: rows.update(test=[r for r in rows["test"] if r["label"]]), "test"),
    ],
)
def test_without_both_classes_it_cannot_be_measured(spoil, split):
    rows = _rows()
    spoil(rows)
    found = shortcuts.probe(rows)
    assert found.text == f"cannot be measured: the {split} split does not hold both classes"
    assert not found.leak


def test_few_people_have_no_interval_but_a_plain_leak_is_found():
    rows = _rows(train=5, test=2)
    assert not shortcuts.probe(rows).leak
    for row in rows["train"] + rows["test"]:
        row["fps"] = 30.0 if row["label"] else 25.0
    found = shortcuts.probe(rows)
    assert found.leak
    assert found.limits is None
    assert "too few people" in found.text
    assert next(iter(found.fields)) == "frame rate"


def test_the_regression_is_the_textbook_one():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(200, 3))
    labels = (columns @ [1.0, -2.0, 0.0] + rng.normal(size=200) > 0.3).astype(int)
    expected = sklearn.linear_model.LogisticRegression(C=1.0, tol=1e-10, max_iter=1000)
    expected.fit(columns, labels)
    found = shortcuts.fit(labels, columns)
    assert found[0] == pytest.approx(expected.intercept_[0], abs=1e-3)
    assert found[1:] == pytest.approx(expected.coef_[0], abs=1e-3)


def test_the_audit_counts_it():
    rows = _rows()
    assert not leakage.audit(rows)[1]
    for row in rows["train"] + rows["test"]:
        if row["label"]:
            row["fps"] = 30.0
    text, leaks = leakage.audit(rows)
    assert leaks
    assert "LEAK: AUC per test video" in text
    assert "these give the label away: frame rate (1.000)" in text
    assert "Leaks: 1" in text


def test_records_hold_what_the_probe_asks_for(dataset, tree):
    rows = {split: dataset.metadata(split) for split in dataset.splits}
    for row in rows["test"]:
        folder = "original_sequences" if not row["label"] else "manipulated_sequences"
        path = tree / folder / row["method"] / f"c23/videos/{row['video_id'].split('/')[1]}.mp4"
        assert row["file_bytes"] == path.stat().st_size
        assert row["video_frames"] == 20
        assert (row["target_person"], row["source_person"]) == (row["target"], row["source"])
    assert "cannot be measured" not in shortcuts.probe(rows).text


@pytest.mark.parametrize(
    ("builder", "identity", "expected"),
    [
        ("faceforensics", "071", "071"),
        ("faceforensics", "07__walking_down_hall", "actor 07"),
        ("faceforensics", "07", "actor 07"),
        ("faceforensics", "", ""),
        ("celeb_df", "id3_0002", "id3"),
        ("celeb_df", "id3", "id3"),
        ("celeb_df", "00170", "00170"),
        ("dfdc", "dfdc_train_part_0/abc", "dfdc_train_part_0/abc"),
        ("folder", "id3_0002", "id3_0002"),
    ],
)
def test_people_are_those_of_the_builder(builder, identity, expected):
    assert person(builder, identity) == expected
