"""The program of the cross-data-set table, as far as it needs no training."""

import pytest

from fdd.errors import UserError
from tests.published import cross_dataset


def test_the_recipe_of_each_kind_of_fakes():
    changes = ['--config.data.methods=["Deepfakes"]', "--config.model.encoder=resnet18"]
    config = cross_dataset.config_of("celeb_df=/held/a=b", "both", 3, changes)
    assert (config.data.builder, config.data.manual_dir) == ("celeb_df", "/held/a=b")
    assert (config.data.fakes, config.seed, config.model.encoder) == ("both", 3, "resnet18")
    assert [*config.data.methods] == ["Deepfakes"]


@pytest.mark.parametrize(
    ("source", "change", "message"),
    [
        ("/held", "--config.seed=1", "'/held' is not BUILDER=DIR, for example celeb_df=DIR"),
        ("folder=a", "--config.sead=1", "'--config.sead=1' is no change of the config"),
        ("folder=a", "--config.batch_size=many", "'--config.batch_size=many' is no change"),
    ],
)
def test_what_cannot_be_meant_is_one_line(source, change, message):
    with pytest.raises(UserError, match=message):
        cross_dataset.config_of(source, "recorded", 0, [change])


def test_the_table():
    values = {"auc": 0.75, "intervals": {"auc": [0.5, 1.0]}}
    unknown = {"auc": None, "intervals": {"auc": None}}
    rows = {"both, seed 0": {"folder": {"video": values, "per_method": {"fake": unknown}}}}
    assert [*cross_dataset.lines(rows)][1:] == [
        ["both, seed 0", "folder", "all", "0.750", "0.500 to 1.000"],
        ["both, seed 0", "folder", "fake", "n/a", "not given"],
    ]
