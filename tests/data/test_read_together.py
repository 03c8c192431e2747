"""Records that are read together: genuine clips alone, or a fake with its original."""

import numpy as np
import pytest

from fdd.data import groups, pipeline
from fdd.data.records import Dataset
from fdd.errors import UserError


def test_alone_unless_something_else_is_asked_for(dataset):
    assert groups.of_training(dataset, "recorded", paired=False) is None
    assert groups.clips_per_epoch(dataset, None) == dataset.splits["train"]


@pytest.mark.parametrize("fakes", ["recorded", "both"])
def test_each_fake_has_its_own_original(dataset, fakes):
    rows = dataset.metadata("train")
    found = groups.of_training(dataset, fakes, paired=True)
    assert len(found) == sum(row["label"] for row in rows) == 36
    assert groups.clips_per_epoch(dataset, found) == 72
    assert groups.without_original(dataset, found) == 0
    for genuine, fake in found:
        assert (rows[genuine]["label"], rows[fake]["label"]) == (0, 1)
        assert rows[genuine]["target"] == rows[fake]["target"]
        np.testing.assert_array_equal(*(rows[n]["frame_indices"] for n in (genuine, fake)))


def test_no_fake_is_read_if_all_are_blended(dataset):
    rows = dataset.metadata("train")
    found = groups.of_training(dataset, "self_blended", paired=False)
    assert found.shape == (12, 1)
    assert not any(rows[number]["label"] for number in found[:, 0])


def test_a_fake_without_an_original_is_in_no_pair(dataset, monkeypatch):
    rows = [dict(row) for row in dataset.metadata("train")]
    fakes = [row for row in rows if row["label"]]
    fakes[0]["target"], fakes[1]["target"] = "", "nobody"
    fakes[2]["frame_indices"] = fakes[2]["frame_indices"] + 1
    monkeypatch.setattr(Dataset, "metadata", lambda *_: rows)
    found = groups.of_training(dataset, "recorded", paired=True)
    assert groups.without_original(dataset, found) == 3
    for row in fakes:
        row["target"] = ""
    with pytest.raises(UserError, match=r"no fake with a genuine clip .* config.data.paired needs"):
        groups.of_training(dataset, "recorded", paired=True)


@pytest.mark.parametrize("fakes", ["recorded", "self_blended"])
def test_batches_keep_pairs_together_whatever_the_number_of_processes(dataset, fakes):
    together = groups.of_training(dataset, fakes, paired=True)
    settings = {"batch_size": 8, "start_step": 3, "num_steps": 5, "seed": 1, "balanced": True}
    settings |= {"landmarks": fakes != "recorded", "together": together}

    def batches(**more):
        return list(pipeline.train_batches(dataset, **settings, **more))

    whole = batches()
    shards = [batches(shard=pipeline.Shard(index, 2)) for index in range(2)]
    for step, batch in enumerate(whole, 3):
        rows = np.arange(8 * step, 8 * step + 8)
        labels = [0, 1] * 4
        if fakes == "self_blended":
            rows, labels = rows[::2], [0] * 4
            assert batch["landmarks"].shape == (4, 10, 5, 2)
        assert batch["position"].tolist() == rows.tolist()
        assert batch["label"].tolist() == labels
        for name, values in batch.items():
            both = np.concatenate([each[step - 3][name] for each in shards])
            np.testing.assert_array_equal(both, values, err_msg=name)
