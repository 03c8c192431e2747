"""Two builds at once in one data folder."""

import pathlib
import threading

import ml_collections
import pytest

from fdd.data import turns
from fdd.runs import prepare


def test_one_waits_for_the_other_and_says_so(
    config: ml_collections.ConfigDict,
    tree: pathlib.Path,
    tmp_path: pathlib.Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """They share the clips that are cut, which the first one that ends removes."""
    config.data.demo, config.data.manual_dir = None, str(tree)
    config.data.data_dir, config.data.clips_per_video = str(tmp_path), 1
    config.data.methods = ("DemoFlicker",)
    built = threading.Event()

    def build() -> None:
        prepare.open_dataset(config.data)
        built.set()

    with turns.taken(tmp_path):
        thread = threading.Thread(target=build)
        thread.start()
        assert not built.wait(3)
        assert not list(tmp_path.glob("faceforensics/**/dataset_info.json"))
    thread.join()
    assert built.is_set()
    said = capfd.readouterr().err
    assert said.count("another program is building a data set in") == 1
