"""Landmarks in the records of a data set, and in batches if they are asked for."""

import json
import re
import shutil

import numpy as np
import pytest

from fdd.data import index, pipeline, schema
from fdd.data.records import Dataset
from fdd.errors import UserError
from fdd.video.clips import extract_clips
from fdd.video.preprocessing import Preprocessing


def _batches(dataset, **settings):
    return pipeline.train_batches(
        dataset, batch_size=4, seed=5, balanced=True, start_step=0, num_steps=2, **settings
    )


@pytest.fixture
def older(dataset, tmp_path):
    """The data set as built by a version without landmarks: its schema has no such field."""
    folder = shutil.copytree(dataset.folder, tmp_path.joinpath(*dataset.folder.parts[-3:]))
    schema = json.loads((folder / "features.json").read_text())
    del schema["featuresDict"]["features"]["landmarks"]
    (folder / "features.json").write_text(json.dumps(schema))
    return Dataset(folder)


def test_a_record_holds_the_landmarks_of_its_clip(dataset, config, tree):
    row = next(row for row in dataset.source("test") if row["label"] == 0)
    assert row["landmarks"].shape == (10, 5, 2) and row["landmarks"].dtype == np.float32
    video = tree / f"original_sequences/youtube/c23/videos/{row['target']}.mp4"
    made = extract_clips(video, Preprocessing.of(config.data))
    clip = next(each for each in made.people[0] if each.index == row["clip_index"])
    np.testing.assert_array_equal(row["landmarks"], np.array(clip.landmarks, np.float32))


def test_fakes_have_the_landmarks_of_their_originals(dataset):
    rows, marks = dataset.source("train"), {}
    for row in map(rows.__getitem__, range(len(rows))):
        place = row["target"], row["clip_index"]
        marks.setdefault(place, []).append(row["landmarks"].tobytes())
    assert all(len(same) == 4 and len(set(same)) == 1 for same in marks.values())


def test_batches_hold_landmarks_if_asked(dataset):
    for batch, plain in zip(_batches(dataset, landmarks=True), _batches(dataset), strict=True):
        marks = batch.pop("landmarks")
        assert marks.shape == (4, 10, 5, 2) and marks.dtype == np.float32
        assert marks.min() > 0 and marks.max() < 32
        assert batch.keys() == plain.keys()
        np.testing.assert_array_equal(batch["frames"], plain["frames"])
    batch = next(pipeline.eval_batches(dataset, "test", batch_size=3, landmarks=True))
    rows = dataset.source("test")
    np.testing.assert_array_equal(batch["landmarks"], [rows[n]["landmarks"] for n in range(3)])


def test_the_index_does_not_hold_landmarks(dataset):
    """They are as large as all other fields together, and are not needed at the start."""
    assert "landmarks" not in index.read(dataset.folder, "test")[0]


def test_a_data_set_of_an_older_version_is_read_without_landmarks(older, dataset):
    assert dataset.has_landmarks and not older.has_landmarks
    for batch, plain in zip(_batches(older), _batches(dataset), strict=True):
        np.testing.assert_array_equal(batch["frames"], plain["frames"])
    assert "landmarks" not in older.source("test")[0]


def test_asking_an_older_data_set_for_landmarks_says_how_to_build_it_again(older):
    command = re.escape(f"rm -r {older.folder}, then this command with --config.data.manual_dir=")
    with pytest.raises(UserError, match=rf"{command}/\S+/videos$"):
        next(_batches(older, landmarks=True))


def test_clips_of_full_frames_have_no_landmarks(older):
    spec = Preprocessing(region="full_frame")
    assert "landmarks" in schema.features(Preprocessing())
    assert "landmarks" not in schema.features(spec)
    file = older.folder / "metadata.json"
    described = json.loads(file.read_text()) | {"preprocessing": spec.description()}
    file.write_text(json.dumps(described))
    with pytest.raises(UserError, match=r"region=full_frame, for which no face is searched"):
        next(_batches(Dataset(older.folder), landmarks=True))
