"""From the command to its first training step, with and without compiled programs on disk.

    python tests/benchmarks/start_up.py [--config=configs/demo.py] [--repeats=3]

The data set is built before the clock starts. A start is cold if the compilation cache is empty;
files that were read before may be in memory. `--help` is timed as well.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from fdd import tables


def help_seconds(module: str) -> float:
    """Seconds until `--help` is there."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, check=False)
    return time.perf_counter() - start


def first_step_seconds(config: str, cache: pathlib.Path) -> float:
    """Seconds until the first step is in metrics.jsonl."""
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, "run", "metrics.jsonl")
        start = time.perf_counter()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "fdd.main", f"--config={config}"),
                *(f"--workdir={log.parent}", "--config.log_every_steps=1"),
            ],
            env={**os.environ, "JAX_COMPILATION_CACHE_DIR": str(cache)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not (log.exists() and log.stat().st_size):
                if process.poll() is not None:
                    sys.exit(f"the command ended with status {process.returncode}")
                time.sleep(0.02)
            return time.perf_counter() - start
        finally:
            process.kill()
            process.wait()


def main() -> None:
    """Prints medians and the slowest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/demo.py")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cold, warm = [], []
    with tempfile.TemporaryDirectory() as first:
        first_step_seconds(options.config, pathlib.Path(first))  # Builds the data set.
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(first_step_seconds(options.config, pathlib.Path(cache)))
            warm.append(first_step_seconds(options.config, pathlib.Path(cache)))
    rows = [("from the command to", "median s", "slowest s")]
    found = {"its first step, cold": cold, "its first step, compiled before": warm}
    for module in ("main", "evaluate", "predict", "bench", "export"):
        name = f"python -m fdd.{module} --help"
        found[name] = [help_seconds(f"fdd.{module}") for _ in range(options.repeats)]
    for name, seconds in found.items():
        rows.append((name, f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}"))
    print(tables.aligned(rows))


if __name__ == "__main__":
    main()
