"""grain pipelines: records to batches of uint8 clips, a function of the step number alone."""

import os
from typing import Any

import grain
import numpy as np
from absl import flags

from fdd.data.catalog import LABELS
from fdd.data.records import Dataset
from fdd.errors import UserError

Batch = dict[str, np.ndarray]


def train_batches(
    dataset: Dataset,
    *,
    batch_size: int,
    start_step: int,
    num_steps: int,
    seed: int,
    balanced: bool,
    num_workers: int = 0,
) -> grain.DatasetIterator[Batch]:
    """Shuffled training batches; what step N sees depends on the seed and on N alone.

    Args:
        dataset: The data set.
        batch_size: Clips per batch.
        start_step: The first step to deliver.
        num_steps: The step to stop before.
        seed: Decides the order.
        balanced: Draw real and fake clips in turn; otherwise every clip once per epoch.
        num_workers: Processes that decode; 0: threads of this process do.

    Returns:
        An iterator over {'frames': uint8 [b, t, h, w, 3], 'label': float32 [b] (1: fake),
        'weight': float32 [b], all 1}. Close it when done.

    Raises:
        UserError: the data set has no training clips, or `balanced` and only one class.
    """
    records = dataset.source("train")
    if balanced:
        labels = np.array([row["label"] for row in dataset.metadata("train")])
        order = grain.MapDataset.mix(
            [_shuffled(_of_class(labels, label, dataset), seed) for label in range(len(LABELS))]
        )
    else:
        order = _shuffled(np.arange(len(records)), seed)
    clips = order.map(lambda index: _clip(records[index]))
    batches = clips.batch(batch_size, drop_remainder=True)[start_step:num_steps]
    return _iterate(batches, num_workers)


def eval_batches(
    dataset: Dataset, split: str, *, batch_size: int, num_workers: int = 0
) -> grain.DatasetIterator[Batch]:
    """The clips of a split in the order of its records, each once.

    Args:
        dataset: The data set.
        split: 'train', 'validation' or 'test'.
        batch_size: Clips per batch; the last one is filled up with copies of weight 0.
        num_workers: As in `train_batches`.

    Returns:
        As `train_batches`, except that 'weight' is 0 for what only fills up.

    Raises:
        UserError: the data set has no such split.
    """
    records = dataset.source(split)
    clips = grain.MapDataset.source(records).map(_clip)
    batches = clips.batch(batch_size).map(lambda batch: _fill_up(batch, batch_size))
    return _iterate(batches, num_workers)


def _of_class(labels: np.ndarray, label: int, dataset: Dataset) -> np.ndarray:
    indices = np.flatnonzero(labels == label)
    if not len(indices):
        raise UserError(
            f"{dataset.folder} has no {LABELS[label]} clips to train on, and sampling is balanced "
            "(--config.balanced=False takes the clips as they are)"
        )
    return indices


def _shuffled(indices: np.ndarray, seed: int) -> grain.MapDataset:
    return grain.MapDataset.source(indices).seed(seed).shuffle().repeat()


def _clip(record: dict[str, Any]) -> Batch:
    return {
        "frames": np.stack(record["frames"]),
        "label": np.float32(record["label"]),
        "weight": np.float32(1),
    }


def _fill_up(batch: Batch, batch_size: int) -> Batch:
    missing = batch_size - len(batch["label"])
    filled = {
        key: np.pad(value, [(0, missing)] + [(0, 0)] * (value.ndim - 1), mode="edge")
        for key, value in batch.items()
    }
    filled["weight"][batch_size - missing :] = 0
    return filled


def _iterate(batches: grain.MapDataset, num_workers: int) -> grain.DatasetIterator[Batch]:
    # By default grain keeps 500 elements ahead; 500 batches of 224-pixel clips are 24 GB.
    cores = len(os.sched_getaffinity(0))
    ahead = grain.ReadOptions(num_threads=cores, prefetch_buffer_size=max(2, cores))
    dataset = batches.to_iter_dataset(ahead)
    if num_workers:
        if not flags.FLAGS.is_parsed():  # grain reads absl's flags, which a notebook never parses.
            flags.FLAGS.mark_as_parsed()
        dataset = dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers=num_workers))
    return iter(dataset)
