"""A train step and a forward pass of ResNet-50 + LSTM(256) here, in PyTorch and in Keras 3.

    pip install -e '.[bench]' && python -m tests.benchmarks.side_by_side
    python -m tests.benchmarks.side_by_side --image_sizes 224 --batch_size 32 \\
        --precision bfloat16 --frameworks fdd torch
    python -m tests.benchmarks.side_by_side --network clip_vit_l14 --image_sizes 224 \\
        --batch_size 128 --num_frames 1 --precision bfloat16 --frameworks fdd torch --kinds train

The second and third are for a GPU, where PyTorch uses torch.compile; in the third, only layer norms
and the head learn. Each framework has its own process, which waits while another one works. They
take turns, step by step, on the same clips, which are decoded in memory; copying them to the device
is part of a step. The program prints medians, the spread (first and third quartile), the ratio to
this project's median, and the most memory that each took on a GPU.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from fdd import tables

FRAMEWORKS = ("fdd", "torch", "keras")
NETWORKS = ("resnet50_lstm", "clip_vit_l14")
_PAUSE = 0.5  # Seconds for the threads of the framework before to fall asleep.
# JAX would take three quarters of a GPU at once, and leave too little for the others.
_SHARING = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


@dataclasses.dataclass(frozen=True)
class Work:
    """What every framework is to do.

    Attributes:
        kind: 'train', a step of Adam with binary cross-entropy, batch norms in training mode, or
            'forward', logits of a batch in evaluation mode.
        batch_size: Clips.
        image_size: Pixels, height and width.
        precision: 'float32' or 'bfloat16' (of the convolutions; parameters stay float32).
        num_frames: Frames per clip.
        network: 'resnet50_lstm', or 'clip_vit_l14', the mean over frames, of which only layer norms
            and the head learn (not in Keras).
    """

    kind: str
    batch_size: int
    image_size: int
    precision: str
    num_frames: int = 10
    network: str = NETWORKS[0]


class Worker:
    """A framework in a process of its own."""

    def __init__(self, framework: str, work: Work):
        """Starts it; it builds its network and takes two steps to warm up."""
        module = f"tests.benchmarks.alternatives.{framework}_steps"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(dataclasses.asdict(work))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | _SHARING,
        )
        self.device = self._answer()

    def step(self) -> dict[str, float | None]:
        """Takes a step; returns its 'seconds', and the peak of 'memory_gib' if it is known."""
        self._process.stdin.write("step\n")
        self._process.stdin.flush()
        return json.loads(self._answer())

    def _answer(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            sys.exit("a framework's process ended; what it said is above")
        return line.strip()

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()


def compare(
    work: Work, frameworks: Sequence[str], repeats: int
) -> dict[str, list[dict[str, float | None]]]:
    """What `Worker.step` returns for each step of each framework, which take turns."""
    with contextlib.ExitStack() as stack:
        workers = {}
        for name in frameworks:
            workers[name] = Worker(name, work)
            stack.callback(workers[name].close)
            print(f"{work}, on {workers[name].device}", file=sys.stderr)
        times = {name: [] for name in frameworks}
        for _ in range(repeats):
            for name, worker in workers.items():
                time.sleep(_PAUSE)
                times[name].append(worker.step())
    return times


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="+", default=["forward", "train"])
    parser.add_argument("--image_sizes", nargs="+", type=int, default=[112, 224])
    parser.add_argument("--batch_size", type=int, default=2)
    parser.add_argument("--num_frames", type=int, default=10)
    parser.add_argument("--network", choices=NETWORKS, default=NETWORKS[0])
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--frameworks", nargs="+", choices=FRAMEWORKS, default=FRAMEWORKS)
    parser.add_argument("--repeats", type=int, default=11)
    options = parser.parse_args()
    rows = [("work", "framework", "median s", "quartiles", "clips/s", "÷ fdd", "GiB")]
    for size in options.image_sizes:
        for kind in options.kinds:
            work = Work(
                kind,
                options.batch_size,
                size,
                options.precision,
                options.num_frames,
                options.network,
            )
            rows += _rows(work, compare(work, options.frameworks, options.repeats))
    print(tables.aligned(rows, names=2))


def _rows(work: Work, found: dict[str, list[dict[str, float | None]]]) -> Iterator[tuple[str, ...]]:
    base = None
    for name, taken in found.items():
        low, median, high = statistics.quantiles([step["seconds"] for step in taken], n=4)
        base, memory = base or median, taken[-1]["memory_gib"]
        yield (
            f"{work.kind} {work.image_size}²",
            name,
            f"{median:.4f}",
            f"{low:.4f} to {high:.4f}",
            f"{work.batch_size / median:.2f}",
            f"{median / base:.2f}",
            "" if memory is None else f"{memory:.1f}",
        )


if __name__ == "__main__":
    main()
