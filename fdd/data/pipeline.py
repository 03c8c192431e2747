"""grain pipelines: from records to batches of uint8 clips, as a function of the step number."""

import concurrent.futures
import contextlib
import dataclasses
import gc
import math
from collections.abc import Callable, Generator, Iterator, Sequence

import grain
import numpy as np
from absl import flags

from fdd.data.catalog import LABELS
from fdd.data.padding import padded
from fdd.data.records import Dataset
from fdd.errors import UserError, first_line
from fdd.system import cores, workers
from fdd.video.landmarks import NAMES

Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Shard:
    """The part of every batch that a process reads: part `index` of `count` equal parts."""

    index: int = 0
    count: int = 1

    def positions(self, step: int, batch_size: int) -> np.ndarray:
        """Positions of this process's clips in the sequence of all batches from step 0."""
        rows = batch_size // self.count
        first = step * batch_size + self.index * rows
        return np.arange(first, first + rows, dtype=np.int32)


WHOLE = Shard()


def train_batches(
    dataset: Dataset,
    *,
    batch_size: int,
    start_step: int,
    num_steps: int,
    seed: int,
    balanced: bool,
    num_workers: int = 0,
    shard: Shard = WHOLE,
    features: np.ndarray | None = None,
    landmarks: bool = False,
    together: np.ndarray | None = None,
) -> Generator[Batch]:
    """Shuffled training batches; the batch of step N depends only on the seed and N.

    Args:
        dataset: The data set.
        batch_size: Clips per batch, over all processes; a multiple of their number.
        start_step: The first step to deliver.
        num_steps: The step to stop before.
        seed: Decides the order.
        balanced: Draw real and fake clips alternately; otherwise every clip once per epoch.
        num_workers: Processes that decode; 0: threads of this process decode.
        shard: The part of each batch to read.
        features: float32 [n, t, c]; delivered instead of the records' frames.
        landmarks: Whether to deliver 'landmarks' as well: float32 [b, t, 5, 2], in pixels of the
            frames (`fdd.video.landmarks`). They come with frames only.
        together: Numbers of records, int [n, k], of which each row is read together
            (`fdd.data.groups`), whatever `balanced` says. A row stands for two clips; if k is 1,
            the step makes the second, and every second position is delivered.

    Returns:
        An iterator over {'frames': uint8 [b, t, h, w, 3] (or 'features'), 'label': float32 [b]
        (1: fake), 'position': int32 [b], of each clip in the sequence of all batches}, where b is
        this process's shard of the batch. Close it when done.

    Raises:
        UserError: the data set has no training clips, no landmarks although they are asked for, or
            only one class although `balanced` is set; while iterating: a record cannot be read.
    """
    if together is not None:
        order = grain.MapDataset.source(together).seed(seed).shuffle().repeat()
    elif balanced:
        labels = np.array([row["label"] for row in dataset.metadata("train")])
        order = grain.MapDataset.mix(
            [_shuffled(_of_class(labels, label, dataset), seed) for label in range(len(LABELS))]
        )
    else:
        order = _shuffled(np.arange(dataset.splits["train"]), seed)
    read = _reader(dataset, "train", features, landmarks)
    clips, width = (1, 1) if together is None else (2, together.shape[1])

    def at(step: int) -> Batch:
        rows = shard.positions(step, batch_size // clips)
        records = np.array([order[row] for row in rows.tolist()]).reshape(-1)
        positions = (rows[:, None] * clips + np.arange(width, dtype=np.int32)).reshape(-1)
        return {**read(records.tolist()), "position": positions}

    return _iterate(grain.MapDataset.range(start_step, num_steps).map(at), num_workers)


def eval_batches(
    dataset: Dataset,
    split: str,
    *,
    batch_size: int,
    num_workers: int = 0,
    shard: Shard = WHOLE,
    features: np.ndarray | None = None,
    landmarks: bool = False,
    chosen: np.ndarray | None = None,
) -> Generator[Batch]:
    """Clips of a split, each once, in the order of its records.

    Args:
        dataset: The data set.
        split: 'train', 'validation' or 'test'.
        batch_size: As in `train_batches`.
        num_workers: As in `train_batches`.
        shard: As in `train_batches`.
        features: As in `train_batches`.
        landmarks: As in `train_batches`.
        chosen: Numbers of the records, int [n]; None: all.

    Returns:
        As `train_batches`; the last batch is padded with copies of the last clip.

    Raises:
        UserError: the data set has no such split, or no landmarks although they are asked for;
            while iterating, a record cannot be read.
    """
    read = _reader(dataset, split, features, landmarks)
    chosen = np.arange(dataset.splits[split]) if chosen is None else chosen

    def at(step: int) -> Batch:
        positions = shard.positions(step, batch_size)
        return {**read(chosen[padded(positions, len(chosen))].tolist()), "position": positions}

    steps = grain.MapDataset.range(math.ceil(len(chosen) / batch_size))
    return _iterate(steps.map(at), num_workers)


def _reader(
    dataset: Dataset, split: str, features: np.ndarray | None, landmarks: bool
) -> Callable[[Sequence[int]], Batch]:
    """Returns a function from records' numbers to their part of a batch."""
    records = dataset.source(split)
    if features is not None:
        labels = np.array([row["label"] for row in dataset.metadata(split)], np.float32)
        return lambda indices: {"features": features[indices], "label": labels[indices]}

    if landmarks:
        dataset.require_landmarks()

    def clips(indices: Sequence[int]) -> Batch:
        frames = np.empty((len(indices), *records.clip_shape), np.uint8)
        batch, marks = {"frames": frames}, [None] * len(indices)
        if landmarks:
            shape = (len(indices), records.clip_shape[0], len(NAMES), 2)
            batch["landmarks"] = marks = np.empty(shape, np.float32)
        labels = [records.clip(*each) for each in zip(indices, frames, marks, strict=True)]
        return {**batch, "label": np.array(labels, np.float32)}

    return clips


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


def _from_processes(iterator: Iterator[Batch]) -> Iterator[Batch]:
    """Batches that other processes read, copied to this process.

    They come in shared memory, which stays behind after the program if anything still refers to it:
    JAX, or the reference cycles that grain makes. A thread talks to the processes: Ctrl-C, which is
    raised in the main thread, then cannot interrupt this communication.
    """

    def read() -> Batch | None:
        with workers.shielded():  # The first call starts the processes.
            batch = next(iterator, None)
        return batch and {name: np.array(values) for name, values in batch.items()}

    def close() -> None:
        iterator.close()
        gc.collect()

    with concurrent.futures.ThreadPoolExecutor(1, "fdd-batches") as thread:
        try:
            while batch := thread.submit(read).result():
                yield batch
        finally:
            thread.submit(close).result()


def _iterate(batches: grain.MapDataset, num_workers: int) -> Generator[Batch]:
    # By default grain keeps 500 elements ahead; 500 batches of 224-pixel clips are 24 GB.
    usable = cores.usable()
    ahead = grain.ReadOptions(num_threads=usable, prefetch_buffer_size=max(2, usable))
    dataset = batches.to_iter_dataset(ahead)
    if num_workers:
        if not flags.FLAGS.is_parsed():  # grain reads absl's flags; a notebook parses none.
            flags.FLAGS.mark_as_parsed()
        options = grain.MultiprocessingOptions(num_workers=num_workers)
        dataset = dataset.mp_prefetch(options, lambda *_: workers.exit_with_parent())
    try:
        with contextlib.closing(iter(dataset)) as iterator:
            yield from _from_processes(iterator) if num_workers else iterator
    except RuntimeError as error:  # From grain, when a worker was killed.
        raise UserError(
            f"reading records stopped ({first_line(error)}); was a process killed because memory "
            "ran out? Run the same command to go on; config.num_workers says how many processes "
            "read"
        ) from None
