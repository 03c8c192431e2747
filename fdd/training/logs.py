"""The logs of a training run: metrics.jsonl, speed.jsonl and TensorBoard's event file.

metrics.jsonl holds what depends on the config and the data alone, so an interrupted run ends with
the same file as one without interruption. What depends on the machine goes to speed.jsonl.
"""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import tensorboardX

from fdd.errors import UserError, shown
from fdd.system import whole
from fdd.training import finite

METRICS_FILE = "metrics.jsonl"
SPEED_FILE = "speed.jsonl"

Record = dict[str, Any]


class MetricsLog:
    """Appends records to the files.

    Attributes:
        history: The records of metrics.jsonl.
    """

    def __init__(self, workdir: pathlib.Path, history: Sequence[Record] = (), step: int = 0):
        """Opens the log of a run that goes on.

        Records that a killed run wrote after its last checkpoint are dropped; they will be written
        again.

        Args:
            workdir: The run's folder.
            history: The records up to its last checkpoint.
            step: The step of the last checkpoint.
        """
        self._workdir = workdir
        self.history = list(history)
        _write_all(workdir / METRICS_FILE, self.history)
        speeds = [record for record in _read(workdir / SPEED_FILE) if record["step"] <= step]
        _write_all(workdir / SPEED_FILE, speeds)
        self._board = tensorboardX.SummaryWriter(str(workdir), purge_step=step + 1)

    def write(
        self, step: int, epoch: float, split: str, metrics: Mapping[str, float | None]
    ) -> None:
        """Writes a record to metrics.jsonl.

        Args:
            step: Number of steps taken.
            epoch: Number of epochs taken.
            split: What the metrics were computed on.
            metrics: Values by name; None where undefined, and written where not finite.
        """
        values = {name: finite.json_value(value) for name, value in metrics.items()}
        record = {"step": step, "epoch": round(epoch, 4), "split": split, **values}
        self.history.append(record)
        self._append(METRICS_FILE, record, split)

    def write_speed(self, step: int, speed: Mapping[str, float]) -> None:
        """Writes a record to speed.jsonl; see `fdd.training.speed.SpeedMeter.read`."""
        self._append(SPEED_FILE, {"step": step, **speed}, "speed")

    def close(self) -> None:
        """Writes what TensorBoard has not written yet."""
        self._board.close()

    def _append(self, name: str, record: Record, group: str) -> None:
        with (self._workdir / name).open("a") as file:
            file.write(json.dumps(record, allow_nan=False) + "\n")
        for key, value in record.items():
            if isinstance(value, float) and key != "epoch":
                self._board.add_scalar(f"{group}/{key}", value, record["step"])


class NoLog:
    """Used instead of `MetricsLog` by the processes that do not write.

    Attributes:
        history: The records, which decide when training stops.
    """

    def __init__(self, history: Sequence[Record] = ()):
        self.history = list(history)

    def write(
        self, step: int, epoch: float, split: str, metrics: Mapping[str, float | None]
    ) -> None:
        """Stores a record."""
        self.history.append({"step": step, "epoch": epoch, "split": split, **metrics})

    def write_speed(self, *_: Any) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def read_metrics(workdir: pathlib.Path) -> list[Record]:
    """Returns the records of metrics.jsonl; none if there is no such file.

    A last line that a kill cut short is left out.

    Raises:
        UserError: another line is damaged.
    """
    return _read(workdir / METRICS_FILE)


def _read(file: pathlib.Path) -> list[Record]:
    if not file.exists():
        return []
    records = []
    for number, line in enumerate(file.read_bytes().splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or "step" not in record:
            raise UserError(
                f"line {number} of {shown(str(file))} is damaged: put the file back from a copy, "
                "or delete that line"
            )
        records.append(record)
    return records


def _write_all(file: pathlib.Path, records: Sequence[Record]) -> None:
    with whole.replaced(file) as partial:
        partial.write_text("".join(json.dumps(record) + "\n" for record in records))
