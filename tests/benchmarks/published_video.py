"""How long a published detector of real size takes for one video, and where time goes.

    python -m tests.benchmarks.published_video [--repeats=3]

The detector is a folder in GenD's layout, CLIP's ViT-L/14 with random weights. The video is drawn:
10 s of 1280×720 at 25 frames per second, H.264 crf 23. First `python -m fdd.predict` answers, from
its start, with programs that an earlier start compiled. Then, in one process and in turns: the
whole answer, its decoding, faces and crops alone, and the forward pass of its frames alone.
Processor time, which other programs disturb less, is printed beside the time that passed.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
import safetensors.numpy

from fdd import tables
from tests.benchmarks import build, vit

ROOT = pathlib.Path(__file__).parents[2]


def write_detector(folder: pathlib.Path, variant: str) -> None:
    """Makes a detector in the published layout, with random weights."""
    tensors = {f"feature_extractor.{name}": array for name, array in vit.drawn(variant).items()}
    features = vit.VARIANTS[variant][0]
    rng = np.random.default_rng(1)
    tensors["model.linear.weight"] = rng.standard_normal((2, features), np.float32)
    tensors["model.linear.bias"] = np.zeros(2, np.float32)
    folder.mkdir()
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    stated = {"backbone": variant, "head": "LinearNorm"}
    (folder / "config.json").write_text(json.dumps(stated))


def time_command(folder: pathlib.Path, video: pathlib.Path) -> tuple[float, float, float]:
    """Seconds until the command has answered, of the processor, and its most memory in GB."""
    command = [sys.executable, "-m", "fdd.predict", f"--detector={folder}", "--json", str(video)]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    answer = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0 and len(answer["people"][0]["clips"]) == 32
    cpu = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, cpu, 1024 * usage.ru_maxrss / 1e9


def parts(folder: pathlib.Path, video: pathlib.Path) -> dict[str, Callable[[], object]]:
    """The work to time; everything is compiled and loaded."""
    import jax

    import fdd
    from fdd.devices import runtime
    from fdd.video.prefetch import extract

    runtime.prepare()
    detector = fdd.Detector.load(folder)
    found = extract(video, detector.preprocessing)
    batches = list(detector.batches(found.people[0]))
    assert detector.predict(video).probability is not None
    return {
        "the whole answer": lambda: detector.predict(video),
        "decoding, faces, crops": lambda: extract(video, detector.preprocessing),
        "forward pass": lambda: jax.block_until_ready(
            [detector.eval_step(detector.state, batch) for batch in batches]
        ),
    }


def measured(
    works: dict[str, Callable[[], object]], repeats: int
) -> dict[str, tuple[float, float]]:
    """Medians of the seconds of each, that pass and of the processor; they take turns."""
    taken = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: tuple(statistics.median(kind) for kind in zip(*times, strict=True))
        for name, times in taken.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--variant", choices=vit.VARIANTS, default="clip_vit_l14")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder, video = pathlib.Path(place, "detector"), pathlib.Path(place, "video.mp4")
        write_detector(folder, options.variant)
        build.draw_video(str(video), seed=0, num_frames=250)
        time_command(folder, video)  # Compiles.
        command = [time_command(folder, video) for _ in range(options.repeats)]
        found = measured(parts(folder, video), options.repeats)
    whole, *apart = found.values()
    sums = [sum(kind) for kind in zip(*apart, strict=True)]
    rows = [("", "seconds", "of the processor")]
    rows += [(name, *(f"{number:.2f}" for number in each)) for name, each in found.items()]
    ratios = [a / b for a, b in zip(whole, sums, strict=True)]
    rows.append(("the answer ÷ the two others", *(f"{ratio:.2f}" for ratio in ratios)))
    wall, cpu, memory = (statistics.median(kind) for kind in zip(*command, strict=True))
    rows.append(("the command, with its start", f"{wall:.2f}", f"{cpu:.2f}"))
    print(tables.aligned(rows))
    weights = 4 * sum(array.size for array in vit.drawn(options.variant).values()) / 1e9
    own = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9
    print(f"most memory: command {memory:.2f} GB, this process {own:.2f}; weights {weights:.2f} GB")


if __name__ == "__main__":
    main()
