"""Kills a run at random moments, starts it again each time, and compares how it ends.

    python -m tests.kill_and_resume [--kills=10] [--steps=1000] [--seed=0]

On CPU, parameters, optimiser state, metrics.jsonl and the report must be those, bit for bit, of a
run that nothing disturbed. Prints a line per kill.
"""

import argparse
import csv
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import jax
import numpy as np
import orbax.checkpoint as ocp

from fdd.training import logs

ROOT = pathlib.Path(__file__).parents[1]
FILES = ("metrics.jsonl", "report/metrics.json", "report/predictions.csv")
EVERY = {"eval_every_steps": 10, "checkpoint_every_steps": 3}
QUICK = "tests.own_parts:NormalisedStripes"
RESNET = "resnet_tiny"
CONFIG = """
import pathlib
from tests.conftest import tiny_config


def get_config():
    config = tiny_config(pathlib.Path({data_dir!r}))
    config.update({every!r})
    config.model.encoder = {encoder!r}
    config.num_steps = {num_steps}
    return config
"""


def start(
    data_dir: pathlib.Path,
    folder: pathlib.Path,
    num_steps: int,
    *flags: str,
    encoder: str = QUICK,
    **environment: str,
) -> subprocess.Popen:
    """Starts, or goes on with, the run in `folder`, in a group of processes of its own."""
    config = folder.parent / f"{folder.name}_config.py"
    config.write_text(
        CONFIG.format(data_dir=str(data_dir), every=EVERY, encoder=encoder, num_steps=num_steps)
    )
    return subprocess.Popen(
        [sys.executable, "-m", "fdd.main", f"--config={config}", f"--workdir={folder}", *flags],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    """Returns when it holds, or the process has ended; fails after two minutes."""
    deadline = time.monotonic() + 120
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def logits(report: pathlib.Path) -> dict[tuple[str, str], float]:
    """The logit of each clip of a report, by video and clip index."""
    with (report / "predictions.csv").open() as file:
        rows = csv.DictReader(file)
        return {(row["video_id"], row["clip_index"]): float(row["logit"]) for row in rows}


def compare(
    data_dir: pathlib.Path,
    folder: pathlib.Path,
    kills: int,
    num_steps: int,
    seed: int,
    encoder: str = QUICK,
) -> list[tuple[int, int, int, int, int]]:
    """Disturbs one run, leaves another alone, and asserts that they end alike.

    Returns:
        For each kill its number, the checkpoint it started from, the last step that it wrote to
        metrics.jsonl, the newest checkpoint it left (steps; 0: none), and its exit status.
    """
    alone, disturbed = folder / "alone", folder / "disturbed"
    undisturbed = start(data_dir, alone, num_steps, encoder=encoder)
    output, _ = undisturbed.communicate(timeout=600)
    assert undisturbed.returncode == 0, output
    rng = random.Random(seed)
    rows = []
    for number in range(1, kills + 1):
        before = _newest_checkpoint(disturbed)
        process = start(data_dir, disturbed, num_steps, encoder=encoder)
        if number % 4:  # While it trains, if it gets that far; otherwise while it starts, perhaps.
            later = before + rng.randrange(num_steps // kills)
            wait_until(lambda: _last_step(disturbed) > later, process)  # noqa: B023
            time.sleep(rng.uniform(0, 0.1))
        else:
            time.sleep(rng.uniform(1, 6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        rows.append(
            (
                number,
                before,
                _last_step(disturbed),
                _newest_checkpoint(disturbed),
                process.returncode,
            )
        )
    last = start(data_dir, disturbed, num_steps, encoder=encoder)
    output, _ = last.communicate(timeout=600)
    assert last.returncode == 0, output
    for name in FILES:
        assert (disturbed / name).read_bytes() == (alone / name).read_bytes(), name
    states = [_state(run, num_steps) for run in (alone, disturbed)]
    jax.tree.map(np.testing.assert_array_equal, *states)
    return rows


def _last_step(run: pathlib.Path) -> int:
    return max((record["step"] for record in logs.read_metrics(run)), default=0)


def _newest_checkpoint(run: pathlib.Path) -> int:
    steps = (path.name for path in (run / "checkpoints").glob("*"))
    return max((int(step) for step in steps if step.isdigit()), default=0)


def _state(run: pathlib.Path, step: int) -> object:
    return ocp.StandardCheckpointer().restore(run.absolute() / "checkpoints" / str(step) / "state")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from fdd.runs import prepare
    from tests.conftest import tiny_config

    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        prepare.open_dataset(tiny_config(root / "data").data)
        rows = compare(root / "data", root, options.kills, options.steps, options.seed, RESNET)
    print("kill  went on from  last step logged  newest checkpoint  exit status")
    for number, before, logged, saved, status in rows:
        print(f"{number:4}  {before:12}  {logged:16}  {saved:17}  {status:11}")
    print(f"Identical with the undisturbed run: {', '.join(FILES)}, parameters, optimiser state.")


if __name__ == "__main__":
    main()
