"""How long classifying a video takes."""

import functools
import pathlib
import time
from typing import Any

import ml_collections

from fdd.benchmarks import network, timing
from fdd.errors import UserError
from fdd.evaluation.calibration import Calibration
from fdd.inference.detector import Detector
from fdd.training import steps
from fdd.training.state import inference_state
from fdd.training.task import create_state
from fdd.video.decode import VideoError
from fdd.video.prefetch import extract
from fdd.video.preprocessing import Preprocessing


def measure_predict(
    config: ml_collections.ConfigDict, video: pathlib.Path, repeats: int
) -> dict[str, Any]:
    """Times classifying a video with a config's network and random weights.

    Args:
        config: Gives network, precision and how videos are cut.
        video: The file.
        repeats: Number of timed repetitions.

    Returns:
        'device', 'devices', 'clips' (of all people); 'first_seconds' of scoring its clips, which
        compiles; then `timing.summary` of 'extract_seconds' (decoding, finding faces, cropping)
        and 'score_seconds' (the network); 'memory_peak_gib'. Starting the command and reading a
        checkpoint are not included.

    Raises:
        UserError: the config cannot be used, or the video gives no clip.
    """
    config, devices, task = network.opened(config)
    state = create_state(task, config.seed, devices.replicated)
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    spec = Preprocessing.of(config.data)
    detector = Detector(
        config=config,
        task=task,
        devices=devices,
        state=inference_state(variables),
        eval_step=devices.compile(functools.partial(steps.eval_step, task=task)),
        calibration=Calibration(),
        step=0,
        fingerprint=spec.fingerprint(),
    )
    found = extract(video, spec)
    if isinstance(found, VideoError):
        raise UserError(f"{video}: {found}")
    start = time.perf_counter()
    prediction = detector.classify(video, found)
    first = time.perf_counter() - start
    if prediction.person is None:
        raise UserError(f"{video}: {prediction.detail}")
    extracting = timing.repeat(lambda: extract(video, spec) and None, repeats, warm_up=0)
    scoring = timing.repeat(lambda: detector.classify(video, found) and None, repeats, warm_up=0)
    return {
        "kind": "predict",
        **timing.device(),
        "clips": sum(map(len, found.people)),
        "first_seconds": first,
        "extract_seconds": timing.summary(extracting),
        "score_seconds": timing.summary(scoring),
        "memory_peak_gib": timing.memory_peak_gib(),
    }
