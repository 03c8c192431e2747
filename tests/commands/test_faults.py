"""Faults in the middle of writing: no complete file is lost, and the reason is printed."""

import errno
import os
import pathlib
import shutil
import signal

import numpy as np
import pytest

from fdd import cli, report, train
from fdd.models import ENCODERS
from fdd.models.clip_classifier import ClipClassifier
from fdd.models.temporal import Mean
from fdd.runs import checkpoints, prepare
from fdd.runs.checkpoints import Checkpoints
from fdd.system import preemption
from fdd.training.features import cached
from fdd.training.state import inference_state


def _contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    "fault",
    [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), preemption.Preempted("stopped")],
    ids=["full disk", "SIGTERM"],
)
def test_a_report_stays_until_the_next_one_is_complete(
    finished, config, tmp_path, monkeypatch, fault
):
    folder = shutil.copytree(finished, tmp_path / "run")
    for file in (folder / "report").iterdir():
        file.write_text(f"an older {file.name}")
    before = _contents(folder / "report")

    def fail(*_):
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(report.html, "self_contained", fail)
        with pytest.raises(type(fault)):
            train.evaluate_again(config, folder)
    assert _contents(folder / "report") == before
    assert sorted(os.listdir(folder / "report")) == sorted(before)


def test_a_stop_is_not_reported_as_a_checkpoint_error(tmp_path, monkeypatch):
    """SIGTERM can come in the middle of any call, and all errors of some calls are translated."""

    def stopped(*_, **__):
        def stop(*_):
            raise preemption.Preempted("stopped by SIGTERM")

        previous = signal.signal(signal.SIGTERM, stop)
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.signal(signal.SIGTERM, previous)

    monkeypatch.setattr(checkpoints.ocp, "CheckpointManager", stopped)
    with pytest.raises(preemption.Preempted):
        Checkpoints(tmp_path)


def test_features_that_do_not_fit_the_disk(dataset, small_disk):
    """They have 7.7 MB. A mapped page without room on disk would end the program by a signal."""

    def encode(_, batch):
        return np.zeros((*batch["frames"].shape[:2], 4000), np.float32)

    model = ClipClassifier(ENCODERS["resnet_tiny"], Mean)
    encoder = {"frame_features": {"encoder": {"kernel": np.ones(1)}}}
    state = inference_state({"params": encoder, "batch_stats": encoder})
    with pytest.raises(OSError, match="No space left on device") as raised:
        cached(small_disk, encode, state, model, dataset, "train", 16)
    assert str(raised.value.filename).startswith(str(small_disk))


def test_drawings_that_do_not_fit_the_disk(config, small_disk):
    config.data.data_dir = str(small_disk)
    with pytest.raises(SystemExit) as ended, cli.one_line(small_disk):
        prepare.open_dataset(config.data)
    line = str(ended.value)
    assert line.startswith(f"fdd: {small_disk}") and "\n" not in line
    assert line.endswith("cannot be written: No space left on device")
