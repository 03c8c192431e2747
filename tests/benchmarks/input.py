"""Clips per second from records to batches: grain here, PyTorch's DataLoader and tf.data.

    pip install -e '.[bench]' && python -m tests.benchmarks.input [--clips=1024] [--repeats=3]

All read the same records (random pictures with some structure as JPEG of quality 95, ten to a clip)
with the same cores, decode them, shuffle and batch: grain as `fdd.data.pipeline` has it; DataLoader
with a process per core over the records as TFDS reads them; tf.data, with autotuning, from a
TFRecord file with the same bytes. Each has its own process; they take turns. The last line is the
rate of the cores if they only decode JPEG images.
"""

import argparse
import concurrent.futures
import io
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fdd import tables

WAYS = ("fdd", "torch", "tf.data", "decoding alone")
_WARM_UP = 4  # Batches.


def write_records(folder: pathlib.Path, clips: int, image_size: int) -> None:
    """Builds a data set of drawn clips, and beside it the same records as a TFRecord file."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    rng = np.random.default_rng(0)
    records = ((str(index), _record(rng, index, image_size)) for index in range(clips))
    builder = _builder(folder, image_size, records)
    builder.download_and_prepare()
    (folder / "where").write_text(str(builder.data_dir))
    as_stored = tfds.decode.DeserializeMethod.RAW_BYTES
    stored = tfds.builder_from_directory(builder.data_dir).as_data_source(
        "train", deserialize_method=as_stored
    )
    with tf.io.TFRecordWriter(str(folder / "records.tfrecord")) as file:
        for index in range(len(stored)):
            file.write(stored[index])


def _record(rng: np.random.Generator, index: int, image_size: int) -> dict[str, Any]:
    import cv2

    coarse = rng.integers(0, 256, (10, image_size // 8, image_size // 8, 3), np.uint8)
    frames = [cv2.resize(frame, (image_size, image_size)) for frame in coarse]
    noisy = [cv2.add(f, rng.integers(0, 12, f.shape, np.uint8)) for f in frames]
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
    jpegs = [cv2.imencode(".jpg", frame, quality)[1].tobytes() for frame in noisy]
    return {
        "frames": [io.BytesIO(jpeg) for jpeg in jpegs],
        "label": index % 2,
        **dict.fromkeys(("method", "target", "source", "compression", "file_sha256"), ""),
        "video_id": f"m/{index}",
        "clip_index": 0,
        "frame_indices": np.arange(10, dtype=np.int32),
        "seconds": np.zeros(10, np.float32),
        "fps": 25.0,
        "video_frames": 390,
        "file_bytes": 0,
        "video_height": 720,
        "video_width": 1280,
        "face_box": np.zeros(4, np.float32),
        "face_score": 1.0,
        "crop_box": np.zeros(4, np.float32),
        "landmarks": np.zeros((10, 5, 2), np.float32),
    }


def _builder(
    folder: pathlib.Path, image_size: int, drawn: Iterable[tuple[str, dict[str, Any]]]
) -> Any:
    import tensorflow_datasets as tfds

    from fdd.data import schema
    from fdd.data.writer import DeterministicWriter
    from fdd.video.preprocessing import Preprocessing, library_versions

    spec = Preprocessing(image_size=image_size)

    class Drawn(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self) -> tfds.core.DatasetInfo:
            metadata = {
                "preprocessing": spec.description(),
                "fingerprint": spec.fingerprint(),
                "libraries": library_versions(),
            }
            return tfds.core.DatasetInfo(
                builder=self,
                features=schema.features(spec),
                metadata=tfds.core.MetadataDict(metadata),
            )

        def _split_generators(self, dl_manager: object) -> dict:
            return {"train": drawn}

        def _generate_examples(self) -> None:
            raise NotImplementedError

        def _example_writer(self) -> DeterministicWriter:
            return DeterministicWriter(self.info.file_format)

    return Drawn(data_dir=folder, file_format="array_record")


def batches(way: str, folder: pathlib.Path, batch_size: int) -> Iterator[object]:
    """Yields batches without end, in one of `WAYS`."""
    if way in ("fdd", "decoding alone"):
        from fdd.devices import runtime

        runtime.prepare()
    of_way = {"fdd": _of_fdd, "torch": _of_torch, "tf.data": _of_tensorflow}
    yield from of_way.get(way, _decoded_alone)(folder, batch_size)


def _where(folder: pathlib.Path) -> str:
    return (folder / "where").read_text()


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _of_fdd(folder: pathlib.Path, batch_size: int) -> Iterator[object]:
    from fdd.data import pipeline
    from fdd.data.records import Dataset

    settings = {"start_step": 0, "num_steps": 10**6, "seed": 0, "balanced": True}
    yield from pipeline.train_batches(Dataset(_where(folder)), batch_size=batch_size, **settings)


def _of_torch(folder: pathlib.Path, batch_size: int) -> Iterator[object]:
    import tensorflow_datasets as tfds
    import torch

    class Clips(torch.utils.data.Dataset):
        def __init__(self):
            self.source = tfds.builder_from_directory(_where(folder)).as_data_source("train")

        def __len__(self) -> int:
            return len(self.source)

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            record = self.source[index]
            return np.stack(record["frames"]), np.float32(record["label"])

    loader = torch.utils.data.DataLoader(
        Clips(), batch_size, shuffle=True, num_workers=_cores(), persistent_workers=True
    )
    while True:
        yield from loader


def _of_tensorflow(folder: pathlib.Path, batch_size: int) -> Iterator[object]:
    import tensorflow as tf

    def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        fields = {
            "frames": tf.io.FixedLenFeature([10], tf.string),
            "label": tf.io.FixedLenFeature([], tf.int64),
        }
        parsed = tf.io.parse_single_example(record, fields)
        # By default it decodes to other pixels than OpenCV does, less exactly.
        exact = {"dct_method": "INTEGER_ACCURATE"}
        decode = lambda image: tf.io.decode_jpeg(image, 3, **exact)  # noqa: E731
        frames = tf.map_fn(decode, parsed["frames"], fn_output_signature=tf.uint8)
        return frames, tf.cast(parsed["label"], tf.float32)

    files = tf.data.TFRecordDataset(str(folder / "records.tfrecord")).repeat()
    parsed = files.shuffle(64).map(parse, tf.data.AUTOTUNE, deterministic=False)
    yield from parsed.batch(batch_size).prefetch(tf.data.AUTOTUNE).as_numpy_iterator()


def _decoded_alone(folder: pathlib.Path, batch_size: int) -> Iterator[object]:
    import itertools

    from fdd.data.records import Dataset
    from fdd.video.crops import decode_jpegs

    source = Dataset(_where(folder)).source("train")
    stored = [source.jpegs(index)[0] for index in range(len(source))]
    with concurrent.futures.ThreadPoolExecutor(_cores()) as threads:
        clips = itertools.cycle(stored)
        while True:
            list(threads.map(decode_jpegs, itertools.islice(clips, batch_size)))
            yield None


def serve(way: str, folder: str, batch_size: int, count: int) -> None:
    """Prints clips per second of `count` batches, after some that do not count."""
    source = batches(way, pathlib.Path(folder), batch_size)
    for _ in range(_WARM_UP):
        next(source)
    start = time.perf_counter()
    for _ in range(count):
        next(source)
    print(count * batch_size / (time.perf_counter() - start), flush=True)
    os._exit(0)  # Readers that work ahead are not waited for.


def main() -> None:
    """Prints medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_size", type=int, default=224)
    parser.add_argument("--clips", type=int, default=1024)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--batches", type=int, default=60, help="to time")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(*json.loads(options.serve))
        return
    rates = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        write_records(pathlib.Path(folder), options.clips, options.image_size)
        for _ in range(options.repeats):
            for way in WAYS:
                asked = json.dumps([way, folder, options.batch_size, options.batches])
                command = [sys.executable, "-m", "tests.benchmarks.input", "--serve", asked]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    sys.exit(done.stderr)
                rates[way].append(float(done.stdout.split()[-1]))
    medians = {way: statistics.median(each) for way, each in rates.items()}
    rows = [("way", "clips/s", "slowest to fastest", "fdd ÷ it")]
    for way, rate in medians.items():
        spread = f"{min(rates[way]):.0f} to {max(rates[way]):.0f}"
        rows.append((way, f"{rate:.0f}", spread, f"{medians['fdd'] / rate:.2f}"))
    print(f"clips of 10 frames of {options.image_size}², {len(os.sched_getaffinity(0))} cores")
    print(tables.aligned(rows))


if __name__ == "__main__":
    main()
