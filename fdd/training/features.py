"""A frozen encoder's features of every clip, computed once and stored in the workdir."""

import hashlib
import json
import os
import pathlib
from collections.abc import Callable

import jax
import numpy as np
import tqdm

from fdd.data import pipeline
from fdd.data.records import Dataset
from fdd.devices import parallel
from fdd.models.clip_classifier import ClipClassifier
from fdd.system import whole
from fdd.training.state import TrainState
from fdd.training.steps import variables_for_evaluation

FEATURES_DIR = "features"


def cached(
    folder: pathlib.Path,
    encode_step: Callable[[TrainState, pipeline.Batch], jax.Array],
    state: TrainState,
    model: ClipClassifier,
    dataset: Dataset,
    split: str,
    batch_size: int,
) -> np.ndarray:
    """Returns the features of a split's clips, from a file or computed now.

    Args:
        folder: The workdir of a run whose encoder never changes.
        encode_step: `fdd.training.steps.encode_step`, spread over the devices.
        state: State of the model.
        model: The network.
        dataset: The data set.
        split: 'train', 'validation' or 'test'.
        batch_size: Clips at a time, over all devices.

    Returns:
        float [n, t, c] in the order of the records; read from disk when it is used.
    """
    file = folder / FEATURES_DIR / f"{split}.npy"
    of = _key(dataset, split, model, state)
    if not _is_valid(file, of, split):
        _compute(file, of, encode_step, state, dataset, split, batch_size)
    parallel.barrier(f"features of {split}")
    return np.load(file, mmap_mode="r")


def _key(dataset: Dataset, split: str, model: ClipClassifier, state: TrainState) -> str:
    """SHA-256 of everything that the features depend on, except the number of clips.

    That is: how clips were cut, which clips of which videos the split has in which order, and the
    encoder's parameters and statistics. What cannot change within a run, such as the normalisation,
    is not included.
    """
    names = ("file_sha256", "video_id", "clip_index")
    clips = [[row[name] for name in names] for row in dataset.metadata(split)]
    facts = [dataset.builder, dataset.key, dataset.fingerprint, split, clips]
    digest = hashlib.sha256(json.dumps(facts, default=int).encode())
    variables = variables_for_evaluation(state)
    for path, leaf in jax.tree.leaves_with_path(model.encoder_variables(variables)):
        array = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _is_valid(file: pathlib.Path, of: str, split: str) -> bool:
    """Whether a file is undamaged and has this key; a line says if it does not."""
    if not file.exists():
        return False
    try:
        valid = _seal(file).read_text("utf-8") == _content_of_seal(file, of)
    except (OSError, ValueError):
        valid = False
    if not valid and parallel.is_main():
        print(
            f"{file} is damaged, of other clips or another encoder, or of an older version: "
            "computed again."
        )
    parallel.barrier(f"features of {split} looked at")
    return valid


def _seal(file: pathlib.Path) -> pathlib.Path:
    return file.with_suffix(".sha256")


def _content_of_seal(file: pathlib.Path, of: str) -> str:
    """SHA-256 of the file, and the key."""
    with file.open("rb") as opened:
        content = hashlib.file_digest(opened, "sha256").hexdigest()
    return f"{content} {of}\n"


def _compute(
    file: pathlib.Path,
    of: str,
    encode_step: Callable[[TrainState, pipeline.Batch], jax.Array],
    state: TrainState,
    dataset: Dataset,
    split: str,
    batch_size: int,
) -> None:
    count, main = dataset.splits[split], parallel.is_main()
    shard = pipeline.Shard(jax.process_index(), jax.process_count())
    batches = pipeline.eval_batches(dataset, split, batch_size=batch_size, shard=shard)
    partial = file.with_suffix(".partial")
    array = None
    bar = tqdm.tqdm(total=count, desc=f"Features, {split}", unit="clip", disable=not main)
    with bar:
        for start, batch in zip(range(0, count, batch_size), batches, strict=True):
            features = np.asarray(encode_step(state, {"frames": batch["frames"]}))
            features = features[: count - start]  # The last batch is padded.
            bar.update(len(features))
            if main and array is None:
                file.parent.mkdir(exist_ok=True)
                shape = (count, *features.shape[1:])
                array = np.lib.format.open_memmap(partial, "w+", features.dtype, shape)
                _take_room(partial)
            if main:
                array[start : start + batch_size] = features
    if main:
        array.flush()
        with whole.replaced(file, partial):
            _seal(file).write_text(_content_of_seal(partial, of))


def _take_room(file: pathlib.Path) -> None:
    """Reserves a file's room on disk: a mapped page without room would kill the program."""
    with file.open("r+b") as opened:
        size = os.fstat(opened.fileno()).st_size
        try:
            os.posix_fallocate(opened.fileno(), 0, size)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(file)) from None
