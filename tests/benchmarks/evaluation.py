"""How long evaluation takes beyond the forward passes, and the intervals of 100,000 clips.

    python tests/benchmarks/evaluation.py --workdir=runs/demo [--repeats=5]

The forward passes alone use batches that are already decoded in memory.
"""

import argparse
import pathlib
import statistics
import time

import numpy as np
from absl import logging

from fdd.data import pipeline
from fdd.evaluation.calibration import Calibration
from fdd.evaluation.scores import Scores, score
from fdd.evaluation.summary import evaluate_scores
from fdd.inference.detector import Detector
from fdd.runs import prepare


def _random_scores(num_clips: int, clips_per_video: int = 4) -> Scores:
    rng = np.random.default_rng(0)
    video = np.arange(num_clips) // clips_per_video
    methods = np.array(["youtube", "A", "B", "C", "D"])[video % 5]
    labels = (methods != "youtube").astype(int)
    ids = np.char.add(np.char.add(methods, "/"), (video // 5).astype(str))
    index = np.arange(num_clips) % clips_per_video
    logits = rng.normal(labels, 1.0)
    people = (video // 10).astype(str)
    nobody = np.full(num_clips, "")
    return Scores(
        split="test",
        video_ids=ids,
        methods=methods,
        labels=labels,
        clip_indices=index,
        logits=logits,
        target_people=people,
        source_people=nobody,
    )


def main() -> None:
    """Prints medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=pathlib.Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    logging.set_verbosity(logging.WARNING)
    loaded = Detector.load(options.workdir)
    dataset = prepare.open_dataset(loaded.config.data)
    size = loaded.config.batch_size
    batches = list(pipeline.eval_batches(dataset, "test", batch_size=size))
    np.asarray(loaded.eval_step(loaded.state, batches[0]))  # Compiles.
    forward, whole = [], []
    for _ in range(options.repeats):
        start = time.perf_counter()
        for batch in batches:
            np.asarray(loaded.eval_step(loaded.state, batch))
        forward.append(time.perf_counter() - start)
        start = time.perf_counter()
        scores = score(loaded.eval_step, loaded.state, dataset, "test", size)
        scores.summary()
        whole.append(time.perf_counter() - start)
    medians = [statistics.median(times) for times in (forward, whole)]
    print(
        f"{len(batches) * size} clips: forward passes {medians[0]:.2f} s, with reading, decoding "
        f"and metrics {medians[1]:.2f} s, ratio {medians[1] / medians[0]:.2f}"
    )
    many = _random_scores(100_000)
    start = time.process_time()
    evaluate_scores(many, Calibration())
    seconds = time.process_time() - start
    print(
        f"all metrics of 100,000 clips, 2500 people left out in turn: {seconds:.1f} s of "
        "processor time"
    )


if __name__ == "__main__":
    main()
