import json

import pytest

from fdd.data import splits


def test_sizes_and_disjointness():
    counts = {split: len(splits.official_pairs(split)) for split in splits.SPLITS}
    assert counts == {"train": 360, "validation": 70, "test": 70}
    ids = [i for split in splits.SPLITS for pair in splits.official_pairs(split) for i in pair]
    assert sorted(ids) == [f"{number:03d}" for number in range(1000)]


def test_split_of_an_id():
    assert splits.official_split("071") == "train"
    assert splits.official_split("953") == "test"
    assert splits.official_split("1000") is None


def test_unknown_split():
    with pytest.raises(KeyError):
        splits.official_pairs("val")


def test_lists_are_the_official_ones(shared):
    for split, name in (("train", "train"), ("validation", "val"), ("test", "test")):
        official = json.loads((shared / f"ffpp/splits/{name}.json").read_text())
        assert [list(pair) for pair in splits.official_pairs(split)] == official
