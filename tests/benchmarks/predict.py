"""How long one video takes, from starting the command to its answer, and where time goes.

    python -m tests.benchmarks.predict [--repeats=3]

The network is ResNet-50 with LSTM(256) at 224 pixels, four clips of ten frames, its weights random,
in a run's folder with a checkpoint like that of training. The video is drawn: 10 s of 1280×720 at
25 frames per second, H.264 crf 23, yuv444p. Cold starts compile; warm ones use the programs that
the previous start compiled. Both read files that the system may have in memory.
"""

import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import jax
import numpy as np

from fdd import Detector, tables
from fdd.configs import resnet_lstm
from fdd.devices.parallel import Parallel
from fdd.runs import workdir
from fdd.runs.checkpoints import Checkpoints
from fdd.training.task import create_state, create_task
from fdd.video import decode, faces
from fdd.video.prefetch import extract
from fdd.video.preprocessing import Preprocessing
from tests.benchmarks import build

ROOT = pathlib.Path(__file__).parents[2]


def write_run(folder: pathlib.Path) -> None:
    """Makes the folder of a run that was never trained."""
    config = resnet_lstm.get_config("face")
    config.data.clips_per_video = 4
    config.model.pretrained = ""
    config.model.mean, config.model.std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    spec = Preprocessing.of(config.data)
    state = create_state(create_task(config), 0, Parallel("jit").replicated)
    calibration = {"temperature": 1.0, "threshold": 0.0}
    meta = {"fingerprint": spec.fingerprint(), "calibration": calibration, "history": []}
    with workdir.claim(folder, config):
        checkpoints = Checkpoints(folder / workdir.CHECKPOINTS_DIR)
        checkpoints.save(1, state, meta, {"loss": 1.0})
        checkpoints.wait()
        checkpoints.close()


def time_command(
    run: pathlib.Path, video: pathlib.Path, cache: pathlib.Path, *options: str
) -> tuple[float, float]:
    """Seconds until the command has answered, and the most memory it held, in MiB."""
    command = [sys.executable, "-m", "fdd.predict", f"--workdir={run}", "--json", *options]
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(cache)}
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, str(video)], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    )
    answer = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0 and len(answer["people"][0]["clips"]) == 4
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def split(run: pathlib.Path, video: pathlib.Path) -> list[tuple[str, float]]:
    """Seconds of each stage, one after the other in this process."""
    marks = [("", time.perf_counter())]

    def mark(name: str) -> None:
        marks.append((name, time.perf_counter()))

    detector = Detector.load(run)
    spec = detector.preprocessing
    mark("load the checkpoint")
    info = decode.probe(video)
    plan = spec.plan([info.seconds(index) for index in range(info.num_frames)])
    wanted = list(plan.clips.values())
    frames = dict(decode.read_frames(video, info, [index for clip in wanted for index in clip]))
    mark("decode")
    searched = [clip[round(p)] for clip in wanted for p in np.linspace(0, len(clip) - 1, 4)]
    for index in searched:
        assert faces.detect_faces(frames[index])
    mark("face")
    del frames
    extraction = extract(video, spec)
    mark("decode, face, crop, JPEG")
    detector.classify(video, extraction)
    mark("model, first time: compile or read the program, and compute")
    detector.classify(video, extraction)
    mark("model")
    return [(name, now - before) for (_, before), (name, now) in itertools.pairwise(marks)]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        video = folder / "video.mp4"
        build.draw_video(str(video), seed=0, num_frames=250)
        write_run(folder / "run")
        rows = [["", "seconds", "slowest", "peak MiB"]]
        for name in ("cold", "warm"):
            measured = []
            for repeat in range(options.repeats):
                cache = folder / f"cache{repeat}"
                measured.append(time_command(folder / "run", video, cache))
            seconds, memory = zip(*measured, strict=True)
            rows.append(
                [
                    name,
                    f"{statistics.median(seconds):.1f}",
                    f"{max(seconds):.1f}",
                    f"{max(memory):.0f}",
                ]
            )
        print(tables.aligned(rows))
        jax.config.update("jax_compilation_cache_dir", str(folder / "cache0"))
        stages = split(folder / "run", video)
        print(tables.aligned([["stage", "seconds"], *((n, f"{s:.2f}") for n, s in stages)]))


if __name__ == "__main__":
    main()
