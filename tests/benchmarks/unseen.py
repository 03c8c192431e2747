"""What training without a forgery is worth: on forgeries that training did not see.

    python -m tests.benchmarks.unseen methods --manual_dir=DIR --out=OUT
    python -m tests.benchmarks.unseen families --out=OUT

`methods`: with FaceForensics++'s folders in DIR. Trains on (a) recorded fakes of one of --methods,
(b) self-blended ones, of originals alone, and (c) both together, each time on the same people with
the same number of steps, and tests on every method. The pairs of people are divided into four
parts: each part is the test split once, so that every person is tested, by detectors that never saw
them.

`families`: on the demo's heads, of which only the genuine ones are used. Trains on one family of
self-blended fakes, and tests on others of it, with the LSTM and with the mean over frames instead,
which is blind to time: what each family's cue over time is worth.

Runs that are finished are not done again. --minutes ends it early, with a table of what there is.
"""

import argparse
import concurrent.futures
import dataclasses
import itertools
import json
import multiprocessing
import os
import pathlib
import shutil
import statistics
import threading
import time
from collections.abc import Iterator, Sequence

import ml_collections
from scipy import stats

from fdd import tables, train
from fdd.configs import demo
from fdd.demo import DemoSpec, write_tree
from fdd.report import evaluations
from fdd.runs import prepare, workdir
from fdd.training.blending import FAMILIES
from tests.published import cross_dataset

_PARTS = 4


@dataclasses.dataclass(frozen=True)
class Trial:
    """A run and what it is tested on.

    Attributes:
        row: What it stands for in the table.
        part: Which part of the people, or which seed, it is an example of.
        seed: Of the run.
        config: The run's.
        tests: The settings of the data sets it is tested on; none: its own.
    """

    row: str
    part: int
    seed: int
    config: ml_collections.ConfigDict
    tests: tuple[ml_collections.ConfigDict, ...] = ()

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return f"{self.row} {self.part} {self.seed}".replace(" ", "-")


def of_methods(
    root: pathlib.Path, methods: Sequence[str], out: pathlib.Path, seeds: range, changes: list[str]
) -> Iterator[Trial]:
    """The trials of `methods`, a whole seed after another."""
    originals = out / "originals"
    originals.mkdir(parents=True, exist_ok=True)
    if not (originals / "original_sequences").exists():
        (originals / "original_sequences").symlink_to(root / "original_sequences")
    names = sorted(path.stem for path in root.glob(f"*/{methods[0]}/c23/videos/*_*.mp4"))
    pairs = sorted({tuple(sorted(name.split("_"))) for name in names})
    for seed, part in itertools.product(seeds, range(_PARTS)):
        splits = out / f"part-{part}.json"
        splits.write_text(json.dumps(_splits(pairs, methods, part)), "utf-8")
        shared = [
            f"--config.data.splits_file={json.dumps(str(splits))}",
            f"--config.data.data_dir={json.dumps(str(out / f'data-{part}'))}",
            *changes,
        ]

        def config(
            fakes: str, held: Sequence[str], folder: pathlib.Path, seed=seed, shared=shared
        ) -> ml_collections.ConfigDict:
            found = cross_dataset.config_of(f"faceforensics={folder}", fakes, seed, shared)
            found.data.methods, found.data.paired = tuple(held), True
            return found

        tested = config("recorded", methods, root).data
        blended = config("self_blended", methods[:1], originals)
        yield Trial("self_blended", part, seed, blended, (tested,))
        for method, fakes in itertools.product(methods, ("recorded", "both")):
            yield Trial(f"{fakes} {method}", part, seed, config(fakes, [method], root), (tested,))


def _splits(pairs: Sequence[tuple[str, str]], methods: Sequence[str], part: int) -> dict:
    """DeepfakeBench's JSON: a part of the pairs to test, one of the next to validate."""
    tested = pairs[part::_PARTS]
    validated = pairs[(part + 1) % _PARTS :: _PARTS][:1]
    found: dict = {}
    for pair in pairs:
        split = "test" if pair in tested else "val" if pair in validated else "train"
        for label, videos in (
            ("FF-real", pair),
            *((method, ("_".join(pair), "_".join(pair[::-1]))) for method in methods),
        ):
            held = found.setdefault(label, {}).setdefault(split, {}).setdefault("c23", {})
            held |= {video: {"label": label, "frames": []} for video in videos}
    return {"FaceForensics++": found}


def of_families(out: pathlib.Path, seeds: range, changes: list[str]) -> Iterator[Trial]:
    """The trials of `families`; draws their videos."""
    spec = DemoSpec(**demo.get_config().data.demo)
    drawn, originals = out / "drawn", out / "originals"
    if not drawn.exists():
        write_tree(spec, drawn)
        originals.mkdir()
        (originals / "original_sequences").symlink_to(drawn / "original_sequences")
    for seed, family, temporal in itertools.product(seeds, FAMILIES, ("lstm", "mean")):
        config = demo.get_config()
        config.seed, config.model.temporal = seed, temporal
        config.data.demo, config.data.methods = None, ("Deepfakes",)
        config.data.manual_dir, config.data.data_dir = str(originals), str(out / "data")
        config.data.fakes = "self_blended"
        config.blend.update({name: float(name == family) for name in FAMILIES})
        cross_dataset.change(config, changes)
        yield Trial(f"{family} {temporal}", seed, seed, config)


def run(trial: Trial, out: pathlib.Path) -> dict[str, float]:
    """Trains and tests what is not done yet; AUC per video by method."""
    folder = out / "runs" / trial.name
    done = folder / "tested.json"
    if not done.exists():
        train.train_and_evaluate(trial.config, folder)
        found: dict[str, float] = {}
        held = [prepare.open_dataset(data).folder for data in trial.tests]
        for summary in evaluations.evaluate(folder, held).values():
            found |= {name: each["auc"] for name, each in summary["per_method"].items()}
        done.write_text(json.dumps(found), "utf-8")
        shutil.rmtree(folder / workdir.CHECKPOINTS_DIR)  # Half a gigabyte each.
    return json.loads(done.read_text("utf-8"))


def build(held: Sequence[ml_collections.ConfigDict]) -> None:
    """Builds data sets that are not there, one after another."""
    for data in held:
        prepare.open_dataset(data)


def _until(
    trials: Sequence[Trial], out: pathlib.Path, workers: int, minutes: float
) -> Iterator[tuple[Trial, dict[str, float]]]:
    """Runs trials, several at a time, none after these minutes."""
    end = time.monotonic() + 60 * minutes
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context)
    folders: dict[str, dict[str, ml_collections.ConfigDict]] = {}
    for data in (data for trial in trials for data in (trial.config.data, *trial.tests)):
        folders.setdefault(data.data_dir, {})[data.to_json()] = data
    list(pool.map(build, [list(held.values()) for held in folders.values()]))
    waiting, running = list(trials), {}
    while (waiting or running) and time.monotonic() < end:
        while waiting and len(running) < workers:
            trial = waiting.pop(0)
            running[pool.submit(run, trial, out)] = trial
        left = min(max(0.0, end - time.monotonic()), threading.TIMEOUT_MAX)
        done, _ = concurrent.futures.wait(running, left, concurrent.futures.FIRST_COMPLETED)
        yield from ((running.pop(future), future.result()) for future in done)
    if running:
        for process in multiprocessing.active_children():
            process.kill()
    pool.shutdown(cancel_futures=True)


def lines(found: Sequence[tuple[Trial, dict[str, float]]]) -> Iterator[tuple[str, ...]]:
    """The rows of the table: trained on, tested on, mean AUC over parts with 95 % interval, runs.

    The interval is Student's t over three parts or more, each the mean of its seeds.
    """
    yield ("trained on", "tested on", "AUC per video", "95 % interval", "parts", "runs")
    for row in dict.fromkeys(trial.row for trial, _ in found):
        for method in dict.fromkeys(name for _, values in found for name in values):
            parts: dict[int, list[float]] = {}
            for trial, values in found:
                if trial.row == row and values.get(method) is not None:
                    parts.setdefault(trial.part, []).append(values[method])
            if not parts:
                continue
            means = [statistics.mean(values) for values in parts.values()]
            middle, interval = statistics.mean(means), "not given"
            if len(means) > 2:
                half = stats.t.ppf(0.975, len(means) - 1) * stats.sem(means)
                interval = f"{max(0, middle - half):.3f} to {min(1, middle + half):.3f}"
            count = sum(map(len, parts.values()))
            yield (row, method, f"{middle:.3f}", interval, str(len(means)), str(count))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("methods", "families"))
    parser.add_argument("--manual_dir", type=pathlib.Path)
    parser.add_argument("--methods", nargs="+", default=["Deepfakes", "FaceSwap"])
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--workers", type=int, default=1, help="runs at a time")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    options, changes = parser.parse_known_args()
    out = options.out.resolve()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # Runs share a GPU.
    seeds = range(options.seeds)
    if options.kind == "families":
        trials = list(of_families(out, seeds, changes))
    else:
        root = options.manual_dir.resolve()
        trials = list(of_methods(root, options.methods, out, seeds, changes))
    found = list(_until(trials, out, options.workers, options.minutes))
    print(tables.aligned(lines(sorted(found, key=lambda each: trials.index(each[0]))), names=2))


if __name__ == "__main__":
    main()
