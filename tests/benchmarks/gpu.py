"""All that is to be measured on a GPU, in one table, by one command.

    pip install -e '.[cuda12,test]' torch transformers && python -m tests.benchmarks.gpu
    python -m tests.benchmarks.gpu --size=tiny    # tries this program, also without a GPU

Each row is another program of this repository, in a process of its own, one at a time: programs
that compile at once take much longer. What a row printed is kept in --out, and finished rows are
not measured again: after a stop, an error or the end of --minutes, the same command goes on. It
prints the table, with every row's command, and what is left undone. Without PyTorch, the rows
beside it measure this project alone.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from fdd import tables
from tests.benchmarks.gpu_rows import Row, table

ROOT = pathlib.Path(__file__).parents[2]
_GRACE = 20  # Seconds for a process to end when it is asked to.
_DEVICE = "from fdd.devices import runtime as r; print('cpu' if r.on_cpu() else r.device_name())"


class Store:
    """What rows gave, a line of JSON each in `rows.jsonl`; the last line about a row counts."""

    def __init__(self, out: pathlib.Path, device: str):
        """Reads what is there of this device."""
        self._file, self._device = out / "rows.jsonl", device
        out.mkdir(parents=True, exist_ok=True)
        lines = self._file.read_text("utf-8").splitlines() if self._file.exists() else []
        # Of a line that was half written when the machine went, nothing is kept.
        said = [json.loads(line) for line in lines if line.endswith("}")]
        self._said = {(each["device"], each["command"]): each for each in said}

    def get(self, row: Row) -> dict[str, Any] | None:
        """What was written about a row, if anything."""
        return self._said.get((self._device, row.command))

    def write(self, row: Row, **result: object) -> None:
        """Appends a row's result."""
        each = {"device": self._device, "command": row.command, "name": row.name, **result}
        self._said[self._device, row.command] = each
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(each)}")


def measure(rows: Sequence[Row], store: Store, out: pathlib.Path, minutes: float) -> None:
    """Runs what is not done, in order, until the time is over; every result is stored at once."""
    end = time.monotonic() + 60 * minutes
    for number, row in enumerate(rows, 1):
        done = store.get(row)
        if (done and done["done"]) or time.monotonic() >= end:
            continue
        print(f"{number} of {len(rows)}: {row.command}", file=sys.stderr, flush=True)
        log = out / f"row{number}.log"
        start = time.monotonic()
        status, text = _run(row.command, end - start, log)
        seconds = time.monotonic() - start
        if status is None:
            store.write(row, done=False, shown=f"stopped after {seconds:.0f} s", seconds=seconds)
        elif status not in row.accepted:
            last = ([line for line in log.read_text().splitlines() if line.strip()] or [""])[-1]
            said = f"failed, status {status}: {last.strip()[:100]} ({log})"
            store.write(row, done=False, shown=said, seconds=seconds)
        else:
            store.write(row, done=True, shown=_result(row, text, seconds), seconds=seconds)


def _result(row: Row, text: str, seconds: float) -> str:
    try:
        return row.shown(text, seconds)
    except (LookupError, StopIteration, ValueError) as error:  # It was done: its output says what.
        return f"its output was not understood ({error!r})"


def _run(command: str, seconds: float, log: pathlib.Path) -> tuple[int | None, str]:
    """A command's status, None if its time was over, and its standard output; `log` gets all."""
    words = shlex.split(command)
    settings = {}
    while "=" in words[0]:
        name, _, settings[name] = words.pop(0).partition("=")
    words[0] = sys.executable if words[0] == "python" else words[0]
    out = log.with_suffix(".out")
    with log.open("wb") as errors, out.open("wb") as output:
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env=os.environ | settings,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:  # Also what Ctrl-C stops, with the processes that it started.
            _end(process)
    text = out.read_text("utf-8", "replace")
    with log.open("a", encoding="utf-8") as file:
        file.write(text)
    out.unlink()
    return status, text


def _end(process: subprocess.Popen) -> None:
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.killpg(process.pid, number)
        try:
            process.wait(_GRACE)
            return
        except subprocess.TimeoutExpired:
            continue


def lines(rows: Sequence[Row], store: Store) -> Iterator[str]:
    """The table, the rows' commands, and what is left undone."""
    cells = [("", "row", "result", "aim", "seconds")]
    left = []
    for number, row in enumerate(rows, 1):
        found = store.get(row)
        if not (found and found["done"]):
            left.append(row.name)
        shown, seconds = (found["shown"], f"{found['seconds']:.0f}") if found else ("", "")
        cells.append((str(number), row.name, shown or "not begun", row.aim, seconds))
    yield tables.aligned(cells, names=4)
    yield ""
    yield from (f"{number}: {row.command}" for number, row in enumerate(rows, 1))
    yield ""
    yield f"left undone: {', '.join(left)}" if left else "nothing is left undone"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table; the status is 1 if a row is left undone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="to measure; 0 shows the table")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("gpu_table"))
    parser.add_argument("--size", choices=("full", "tiny"), default="full")
    options = parser.parse_args(arguments)
    device = subprocess.run(
        [sys.executable, "-c", _DEVICE], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    if device == "cpu" and options.size == "full":
        sys.exit("there is no GPU; --size=tiny tries this program without one")
    out = options.out.absolute()
    with_torch = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
    rows = table(options.size, out, with_torch)
    store = Store(out, device)
    measure(rows, store, out, options.minutes)
    print(device, *lines(rows, store), sep="\n")
    sys.exit(any(not (found := store.get(row)) or not found["done"] for row in rows))


if __name__ == "__main__":
    main()
