"""Stored features are used only for the same data set and encoder."""

import dataclasses

import jax
import numpy as np
import pytest

from fdd.models import ENCODERS
from fdd.models.clip_classifier import ClipClassifier
from fdd.models.temporal import Mean
from fdd.training import features

MODEL = ClipClassifier(ENCODERS["resnet_tiny"], Mean)


@dataclasses.dataclass
class _Records:
    """The part of a data set that features need; each clip is a number."""

    clips: tuple[int, ...] = (3, 1, 4)
    key: str = "01234567"
    fingerprint: str = "f" * 16
    digest: str = "d"
    builder = "folder"

    @property
    def splits(self):
        return {"train": len(self.clips)}

    def metadata(self, split):
        return [
            {"file_sha256": self.digest, "video_id": "a", "clip_index": np.int32(i)}
            for i, _ in enumerate(self.clips)
        ]


@dataclasses.dataclass
class _State:
    params: dict
    batch_stats: dict
    average: dict | None = None


def _state(kernel=1.0, mean=0.0, head=0.0):
    return _State(
        {"frame_features": {"encoder": {"kernel": np.full(2, kernel)}}, "head": np.full(2, head)},
        {"frame_features": {"encoder": {"mean": np.full(2, mean)}}},
    )


def _kernel(state):
    return state.params["frame_features"]["encoder"]["kernel"][0]


@pytest.fixture
def compute(tmp_path, monkeypatch):
    """Requests the features of clips; returns whether they were computed."""

    def batches(dataset, split, *, batch_size, shard):
        for start in range(0, len(dataset.clips), batch_size):
            clips = np.array(dataset.clips[start : start + batch_size], np.float32)
            yield {"frames": np.resize(clips, batch_size)[:, None, None]}

    monkeypatch.setattr(features.pipeline, "eval_batches", batches)

    def ask(dataset, state):
        calls = []

        def encode(state, batch):
            calls.append(1)
            return jax.numpy.asarray(batch["frames"] * _kernel(state))

        found = features.cached(tmp_path, encode, state, MODEL, dataset, "train", 2)
        wanted = np.array(dataset.clips) * _kernel(state)
        np.testing.assert_array_equal(found[:, 0, 0], wanted)
        return bool(calls)

    return ask


def test_they_are_computed_once(compute):
    assert compute(_Records(), _state())
    assert not compute(_Records(), _state())
    assert not compute(_Records(), _state(head=9.0)), "the head has no part in them"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"key": "76543210"}, {}),
        ({"fingerprint": "0" * 16, "clips": (5, 9, 2)}, {}),
        ({"digest": "e", "clips": (5, 9, 2)}, {}),
        ({}, {"kernel": 2.0}),
        ({}, {"mean": 1.0}),
    ],
    ids=["data set", "fingerprint", "files", "parameters", "statistics"],
)
def test_features_of_other_clips_are_computed_again(compute, capsys, changes, state):
    assert compute(_Records(), _state())
    assert compute(_Records(**changes), _state(**state))
    assert "of other clips or another encoder" in capsys.readouterr().out
    assert not compute(_Records(**changes), _state(**state))
