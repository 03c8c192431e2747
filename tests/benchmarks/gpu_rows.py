"""The rows of `tests.benchmarks.gpu`: commands, and what is read from what they print."""

import dataclasses
import json
import pathlib
import shlex
from collections.abc import Callable, Sequence
from typing import Any

_NO_ANSWER = 3  # fdd.predict's status if some videos got no answer.
_AIM = "1.10 × PyTorch"
_TESTED = (
    "tests/models",
    "tests/training/test_steps.py",
    "tests/training/test_freezing.py",
    "tests/devices/test_attention.py",
)
_TINY = " --config.model.encoder=resnet_tiny --config.data.image_size=32 --config.batch_size=4"


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        name: In words, and different from the others'.
        command: As for a shell, in the repository's folder, `NAME=VALUE` first.
        shown: From its standard output and its seconds to the row's result.
        aim: In words.
        accepted: Exit statuses of a command that did its work.
    """

    name: str
    command: str
    shown: Callable[[str, float], str]
    aim: str = ""
    accepted: tuple[int, ...] = (0,)


def table(size: str, out: pathlib.Path, with_torch: bool) -> list[Row]:
    """The rows, in the order of their worth.

    Args:
        size: 'full' or 'tiny'.
        out: Folder for data and a run.
        with_torch: Whether PyTorch is compared with.
    """
    full = size == "full"
    run, data = (shlex.quote(str(out / name)) for name in ("run", "data"))
    few = "" if full else " --repeats=2"
    files = _TESTED if full else ("tests/models/test_lstm.py",)
    step = f"python -m fdd.bench train --config=resnet_lstm --json{few}{'' if full else _TINY}"
    half = f"{step} --config.precision=bfloat16"
    drawn = _drawn(data, full)
    frameworks = "fdd torch" if with_torch else "fdd"
    beside = (
        f"python -m tests.benchmarks.side_by_side --kinds train --frameworks {frameworks} "
        f"--precision bfloat16{few}"
    )
    clips = "--image_sizes 224 --batch_size 32" if full else "--image_sizes 32 --batch_size 2"
    frames = f"--image_sizes 224 --num_frames 1 --batch_size {128 if full else 1}"
    # Tests compare float32 to its last digits, and start processes beside their own.
    alone = "XLA_PYTHON_CLIENT_PREALLOCATE=false"
    exact = f"{alone} JAX_DEFAULT_MATMUL_PRECISION=highest python -m pytest {' '.join(files)}"
    notebook = f"{alone} python -m pytest tests/launch/test_notebooks.py::test_quickstart"
    trained = f"python -m fdd.main {drawn} --workdir={run}"
    read = f"python -m fdd.bench train --json{few} {drawn}"
    predict = f"python -m fdd.predict --workdir={run} --json --answer_anyway {data}"
    vit = f"{beside} --network clip_vit_l14 {frames}"
    return [
        Row("tests of networks and steps", exact, _passed),
        Row("train step, float32", step, _step),
        Row("train step, bfloat16", half, _step),
        Row("train step beside torch.compile", f"{beside} {clips}", _beside, _AIM),
        Row("a run, from drawing to the report", trained, _whole),
        Row("train step on records", read, _waits, "waits under 3 %"),
        Row("predict a folder", predict, _videos, accepted=(0, _NO_ANSWER)),
        Row("train step, jit", f"{half} --config.parallel=jit", _step),
        Row("train step, pmap", f"{half} --config.parallel=pmap", _step),
        Row("the quickstart's notebook, small", notebook, _passed),
        Row("CLIP's ViT-L/14, layer norms learn", vit, _beside, _AIM),
    ]


def _drawn(data: str, full: bool) -> str:
    """Flags of a run on talking heads that fdd draws; `fdd.bench` takes them too."""
    settings = {
        "data.data_dir": data,
        "data.demo.train_pairs": 20 if full else 3,
        "data.demo.val_pairs": 4 if full else 1,
        "data.demo.test_pairs": 6 if full else 2,
        "data.image_size": 224 if full else 32,
        "model.encoder": "resnet50" if full else "resnet_tiny",
        "model.width": 64 if full else 4,
        "precision": "bfloat16",
        "num_steps": 200 if full else 6,
        "eval_every_steps": 100 if full else 3,
        "batch_size": 32 if full else 4,
    }
    flags = " ".join(f"--config.{key}={value}" for key, value in settings.items())
    return f"--config=demo {flags}"


def _passed(text: str, seconds: float) -> str:
    return next(line for line in reversed(text.splitlines()) if " passed" in line).strip("= ")


def _found(text: str) -> dict[str, Any]:
    return json.loads(next(line for line in text.splitlines() if line.startswith("{")))


def _step(text: str, seconds: float) -> str:
    found = _found(text)
    parts = [f"{found['clips_per_second']:.1f} clips/s"]
    if found["memory_peak_gib"] is not None:
        parts.append(f"{found['memory_peak_gib']:.1f} GiB")
    parts.append(f"{found['fraction_of_matmul']:.0%} of a matrix product's speed")
    return ", ".join([*parts, f"compiled in {found['compile_seconds']:.0f} s"])


def _waits(text: str, seconds: float) -> str:
    found = _found(text)["on_data"]
    rate = f"{found['clips_per_second']:.1f} clips/s"
    return f"waits for clips {found['input_wait']:.1%} of the time, {rate}"


def _beside(text: str, seconds: float) -> str:
    """Of `side_by_side`'s table: rates, ratio and memory."""
    lines = [line.split() for line in text.splitlines() if line.startswith("train ")]
    rows = {line[2]: line[3:] for line in lines}  # Median, three words of quartiles, rate, ratio.
    rates = [f"{name} {row[4]} clips/s{_gib(row[6:])}" for name, row in rows.items()]
    ratio = f"{rows['torch'][5]} × PyTorch" if "torch" in rows else "PyTorch is missing"
    return ", ".join([ratio, *rates])


def _gib(cells: Sequence[str]) -> str:
    return f" {cells[0]} GiB" if cells else ""


def _whole(text: str, seconds: float) -> str:
    return f"{seconds:.0f} s"


def _videos(text: str, seconds: float) -> str:
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    answered = sum(bool(each["people"]) for each in found)
    return f"{len(found)} videos, {answered} answered, {len(found) / seconds:.2f} per second"
