import itertools

import numpy as np
import pytest
import tensorflow_datasets as tfds

from fdd.data import pipeline


def _batches(dataset, start=0, stop=24, **changes):
    settings = {"batch_size": 4, "seed": 5, "balanced": True, **changes}
    batches = pipeline.train_batches(dataset, start_step=start, num_steps=stop, **settings)
    return list(batches)


def _equal(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a["frames"], b["frames"])
        np.testing.assert_array_equal(a["label"], b["label"])


def test_shapes(dataset):
    (batch,) = _batches(dataset, stop=1)
    assert batch["frames"].shape == (4, 10, 32, 32, 3)
    assert batch["frames"].dtype == np.uint8
    assert batch["label"].dtype == np.float32
    assert batch["position"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("balanced", [True, False])
def test_what_a_step_sees_does_not_depend_on_where_it_starts(dataset, balanced):
    whole = _batches(dataset, balanced=balanced)
    for start in (1, 13, 23):
        _equal(_batches(dataset, start=start, balanced=balanced), whole[start:])
    assert not np.array_equal(
        whole[0]["frames"], _batches(dataset, stop=1, balanced=balanced, seed=6)[0]["frames"]
    )


def test_workers_change_nothing(dataset):
    _equal(_batches(dataset, start=2, stop=6, num_workers=2), _batches(dataset, start=2, stop=6))


def test_balanced_batches_are_half_fake(dataset):
    assert all(batch["label"].tolist().count(1) == 2 for batch in _batches(dataset))


def test_unbalanced_epochs_hold_every_clip_once(dataset):
    count = dataset.splits["train"]
    assert count == 6 * 4 * 2
    batches = _batches(dataset, stop=count // 4, balanced=False)
    assert len({frames.tobytes() for batch in batches for frames in batch["frames"]}) > 0.7 * count
    labels = list(itertools.chain.from_iterable(batch["label"].tolist() for batch in batches))
    assert (labels.count(0), labels.count(1)) == (count // 4, count * 3 // 4)


def test_evaluation_sees_every_clip_once_in_order(dataset):
    rows = dataset.metadata("test")
    as_tfds_reads_it = tfds.builder_from_directory(dataset.folder).as_data_source("test")
    batches = list(pipeline.eval_batches(dataset, "test", batch_size=5))
    assert {batch["frames"].shape for batch in batches} == {(5, 10, 32, 32, 3)}
    assert len(rows) == 4 * 4 * 2
    positions = np.concatenate([batch["position"] for batch in batches])
    np.testing.assert_array_equal(positions, np.arange(35))
    frames = np.concatenate([batch["frames"] for batch in batches])
    labels = np.concatenate([batch["label"] for batch in batches])
    assert all((frames[index] == frames[31]).all() for index in (32, 33, 34))
    for index, row in enumerate(rows):
        assert row["label"] == labels[index]
        np.testing.assert_array_equal(frames[index], np.stack(as_tfds_reads_it[index]["frames"]))


@pytest.mark.parametrize("count", [2, 4])
def test_processes_share_each_batch(dataset, count):
    whole = _batches(dataset, start=3, stop=6)
    shards = [
        _batches(dataset, start=3, stop=6, shard=pipeline.Shard(index, count))
        for index in range(count)
    ]
    for key in ("frames", "label", "position"):
        for step, batch in enumerate(whole):
            together = np.concatenate([shard[step][key] for shard in shards])
            np.testing.assert_array_equal(together, batch[key])
    parts = [
        list(
            pipeline.eval_batches(
                dataset, "test", batch_size=12, shard=pipeline.Shard(index, count)
            )
        )
        for index in range(count)
    ]
    alone = list(pipeline.eval_batches(dataset, "test", batch_size=12))
    for step, batch in enumerate(alone):
        together = np.concatenate([shard[step]["frames"] for shard in parts])
        np.testing.assert_array_equal(together, batch["frames"])
