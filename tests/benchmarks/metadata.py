"""How long a start waits for the fields of a split's records, with and without its index.

    python tests/benchmarks/metadata.py DATASET_DIR [--clips=72000]

The clips of the data set's test split are repeated up to the given number, in a temporary folder
(clips of 10 × 224² take 0.12 MB each). Without the index, all records are read, as in the first
start after a build by an older version. Files that were just written may be in memory.
"""

import argparse
import itertools
import json
import pathlib
import shutil
import tempfile
import time

from array_record.python import array_record_module

from fdd.data import index
from fdd.data.records import Dataset

SPLIT = "test"


def repeat(folder: pathlib.Path, to: pathlib.Path, clips: int) -> None:
    """Copies a data set's test split, repeated until it has this number of clips."""
    (held,) = folder.glob(f"*-{SPLIT}.array_record*")
    reader = array_record_module.ArrayRecordReader(str(held))
    records = reader.read(list(range(reader.num_records())))
    to.mkdir(parents=True)
    writer = array_record_module.ArrayRecordWriter(str(to / held.name), "group_size:1")
    for record in itertools.islice(itertools.cycle(records), clips):
        writer.write(record)
    writer.close()
    for file in folder.iterdir():
        if file.suffix in (".json", ".txt", ".csv"):
            shutil.copy(file, to)
    info = json.loads((folder / "dataset_info.json").read_text())
    info["splits"] = [each for each in info["splits"] if each["name"] == SPLIT]
    info["splits"][0]["shardLengths"] = [str(clips)]
    (to / "dataset_info.json").write_text(json.dumps(info))


def seconds(folder: pathlib.Path, clips: int) -> float:
    """Seconds from opening the data set to its rows."""
    start = time.perf_counter()
    rows = Dataset(folder).metadata(SPLIT)
    assert len(rows) == clips
    return time.perf_counter() - start


def main() -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset_dir", type=pathlib.Path)
    parser.add_argument("--clips", type=int, default=72000)
    options = parser.parse_args()
    folder = Dataset(options.dataset_dir).folder
    with tempfile.TemporaryDirectory() as place:
        copy = pathlib.Path(place, *folder.parts[-3:])
        repeat(folder, copy, options.clips)
        size = sum(file.stat().st_size for file in copy.glob("*array_record*"))
        print(f"{options.clips} clips, {size / 1e9:.2f} GB")
        print(f"without an index, which is written: {seconds(copy, options.clips):.1f} s")
        print(f"index: {index.path(copy, SPLIT).stat().st_size / 1e6:.2f} MB")
        print(f"with the index: {seconds(copy, options.clips):.2f} s")


if __name__ == "__main__":
    main()
