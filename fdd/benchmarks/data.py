"""How fast clips are cut from videos, and read from records."""

import concurrent.futures
import contextlib
import itertools
import pathlib
import tempfile
import time
from typing import Any

import jax
import ml_collections

from fdd.benchmarks import timing
from fdd.data.extraction import Workspace
from fdd.data.records import Records
from fdd.errors import UserError
from fdd.runs import prepare
from fdd.system import cores
from fdd.training import batches
from fdd.video.crops import decode_jpegs


def measure_input(config: ml_collections.ConfigDict, repeats: int) -> dict[str, Any]:
    """Times training batches on their way from records to the device, without training.

    Args:
        config: Gives the data set, which is built if necessary, and the batch size.
        repeats: Batches to time.

    Returns:
        'device', 'devices', 'cores', 'batch_size', 'clip' (frames, height, width); 'seconds' of a
        batch (`timing.summary`); 'clips_per_second', over all batches; 'decode_clips_per_second',
        with all cores busy with nothing but JPEG decoding; 'fraction_of_decode'.

    Raises:
        UserError: the config cannot be used, or there is no data set.
    """
    dataset = prepare.open_dataset(config.data)
    read = batches.of(config, dataset, 0, 2**31 // config.batch_size - 1)
    usable = cores.usable()
    with contextlib.closing(read):
        for _ in range(2 * usable):  # Batches that were read while the reader started.
            batch = next(read)
        start = time.perf_counter()
        seconds = timing.repeat(lambda: jax.device_put(next(read)), repeats, warm_up=0)
        rate = repeats * config.batch_size / (time.perf_counter() - start)
    decode = _decode_rate(dataset.source("train"), repeats * config.batch_size, usable)
    return {
        "kind": "input",
        **timing.device(),
        "cores": usable,
        "batch_size": config.batch_size,
        "clip": list(batch["frames"].shape[1:4]),
        "seconds": timing.summary(seconds),
        "clips_per_second": rate,
        "decode_clips_per_second": decode,
        "fraction_of_decode": rate / decode,
    }


def _decode_rate(records: Records, count: int, threads: int) -> float:
    stored = [records.jpegs(index)[0] for index in range(min(count, len(records)))]
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        for _ in pool.map(decode_jpegs, itertools.islice(itertools.cycle(stored), count)):
            pass
        return count / (time.perf_counter() - start)


def measure_build(
    config: ml_collections.ConfigDict, num_videos: int, repeats: int
) -> dict[str, Any]:
    """Times cutting the config's videos into clips, on all cores.

    Args:
        config: Gives the videos and how to cut them.
        num_videos: Number of videos, the first in the order of their names.
        repeats: How often to cut them.

    Returns:
        'cores', 'videos', 'failed'; 'seconds' for all of them (`timing.summary`), including the
        start of processes; 'videos_per_minute'.

    Raises:
        UserError: the config cannot be used, or there are no videos.
    """
    builder, folder = prepare.create_builder(config.data), prepare.videos_folder(config.data)
    if folder is None or not folder.is_dir():
        raise UserError("say where the videos are with --config.data.manual_dir=DIR")
    found = sorted(builder.find_videos(folder), key=lambda video: video.video_id)[:num_videos]
    seconds = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as temporary:
            workspace = Workspace(pathlib.Path(temporary), builder.builder_config.preprocessing)
            start = time.perf_counter()
            workspace.run(found)
            seconds.append(time.perf_counter() - start)
            failed = sum(result.extraction is None for result in workspace.results(found))
    found_seconds = timing.summary(seconds)
    return {
        "kind": "build",
        "cores": cores.usable(),
        "videos": len(found),
        "failed": failed,
        "seconds": found_seconds,
        "videos_per_minute": 60 * len(found) / found_seconds["median"],
    }
