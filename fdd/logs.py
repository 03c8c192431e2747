"""What a run writes down while it trains: metrics.jsonl and a TensorBoard event file."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorboardX

METRICS_FILE = "metrics.jsonl"


class MetricsLog:
    """Appends records to metrics.jsonl and TensorBoard."""

    def __init__(self, workdir: pathlib.Path, resume_step: int):
        """Opens the log of a run that goes on after `resume_step` steps.

        Records of later steps, which a killed run wrote after its last checkpoint, are dropped:
        the resumed run writes them again.
        """
        self._file = workdir / METRICS_FILE
        kept = [record for record in read_metrics(workdir) if record["step"] <= resume_step]
        partial = self._file.with_suffix(".partial")
        partial.write_text("".join(json.dumps(record) + "\n" for record in kept))
        partial.replace(self._file)
        self._board = tensorboardX.SummaryWriter(str(workdir), purge_step=resume_step + 1)

    def write(self, step: int, epoch: float, split: str, metrics: Mapping[str, float]) -> None:
        """Writes one record.

        Args:
            step: Number of steps taken.
            epoch: Number of epochs taken.
            split: What the metrics were computed on.
            metrics: Values by name.
        """
        record = {"step": step, "epoch": round(epoch, 4), "split": split, **metrics}
        with self._file.open("a") as file:
            file.write(json.dumps(record) + "\n")
        for name, value in metrics.items():
            self._board.add_scalar(f"{split}/{name}", value, step)

    def close(self) -> None:
        """Writes out what TensorBoard still holds."""
        self._board.close()


def read_metrics(workdir: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the records of metrics.jsonl; none where there is no such file.

    A last line that a kill cut short is left out.
    """
    file = workdir / METRICS_FILE
    if not file.exists():
        return []
    lines = file.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]
