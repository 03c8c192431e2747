"""A trained detector: the best checkpoint of a run, ready to score clips and judge videos."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from fdd.devices.parallel import Parallel
from fdd.errors import UserError
from fdd.evaluation.calibration import Calibration
from fdd.inference import saliency, scoring
from fdd.inference.prediction import Basis, Prediction
from fdd.inference.saliency import Saliency
from fdd.runs import trained, workdir
from fdd.runs.checkpoints import Checkpoints
from fdd.training import settings, steps
from fdd.training.state import Recipe, TrainState, inference_state
from fdd.video.ahead import Ahead, extract
from fdd.video.decode import VideoError
from fdd.video.extraction import Clip, Extraction
from fdd.video.preprocessing import STORED, Preprocessing

_MOST_CLIPS_AT_A_TIME = 4  # What ResNet-50 at 224 pixels needs less than 2 GiB for.


@dataclasses.dataclass(frozen=True)
class Detector:
    """What scoring needs.

    Attributes:
        config: The run's config.
        task: What its steps do.
        devices: What it computes on.
        state: The best checkpoint's parameters (their average where one is kept) and statistics.
        eval_step: `fdd.training.steps.eval_step`, spread over the devices.
        calibration: Fitted on validation.
        step: The step the checkpoint is of.
        fingerprint: Of the preprocessing it was trained with.
        trained_on: What its checkpoint records of the data set (`fdd.runs.trained_on.facts`).
    """

    config: ml_collections.ConfigDict
    task: steps.Task
    devices: Parallel
    state: TrainState
    eval_step: Callable[[TrainState, Any], jax.Array]
    calibration: Calibration
    step: int
    fingerprint: str
    trained_on: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> "Detector":
        """Loads the best checkpoint of the run in `folder`.

        Raises:
            UserError: there is no run, it has no checkpoint yet, or its best one is damaged;
                or it was trained in float64 and JAX's 64-bit mode is off.
        """
        folder = pathlib.Path(folder)
        config = workdir.stored_config(folder)
        settings.check(config)
        devices = Parallel(config.parallel)
        with trained.opened(folder) as checkpoints:
            return from_checkpoints(config, steps.create_task(config), checkpoints, folder, devices)

    @property
    def preprocessing(self) -> Preprocessing:
        """How videos are cut, exactly as those it was trained on were.

        Raises:
            UserError: this version of fdd cannot do that, or they were no videos but stored frames.
        """
        if self.training_preprocessing.region == STORED:
            raise UserError(
                "the run was trained on frames that others cropped and stored (region=stored), and "
                "no video can be cut as they were: it judges data sets of such frames only "
                "(python -m fdd.evaluate); train on videos to judge videos"
            )
        return self.training_preprocessing

    @functools.cached_property
    def training_preprocessing(self) -> Preprocessing:
        """How the clips it was trained on were cut.

        Raises:
            UserError: this version of fdd cuts them otherwise.
        """
        spec = Preprocessing.of(self.config.data)
        if spec.fingerprint() != self.fingerprint:
            raise UserError(
                f"the run was trained on clips cut by another version of fdd or of the face "
                f"detector (fingerprint {self.fingerprint}, now {spec.fingerprint()}): judge "
                "videos with that version, or train again"
            )
        return spec

    @property
    def basis(self) -> Basis:
        """What its answers rest on besides the video."""
        return Basis(self.step, self.fingerprint, self.calibration)

    def predict(self, path: str | os.PathLike[str]) -> Prediction:
        """Judges a video.

        Args:
            path: Any file that FFmpeg reads; what is wrong with it is said in the prediction.

        Raises:
            UserError: see `preprocessing` and `score`.
        """
        return self.judge(path, extract(path, self.preprocessing))

    def predict_all(self, paths: Iterable[str | os.PathLike[str]]) -> Iterator[Prediction]:
        """Yields a prediction per video, in order; the next videos are decoded meanwhile."""
        for path, found in Ahead(paths, self.preprocessing):
            yield self.judge(path, found)

    def judge(self, path: str | os.PathLike[str], found: Extraction | VideoError) -> Prediction:
        """Judges a video that has been cut into clips.

        Args:
            path: The file.
            found: What `fdd.video.ahead.extract` gave for it and `preprocessing`.

        Raises:
            UserError: as `predict`.
        """
        path = os.fspath(path)
        _ = self.preprocessing  # To be sure that it can be had.
        if isinstance(found, VideoError):
            return scoring.without_answer(path, found, self.basis)
        people = () if scoring.lack(found) else found.people
        scores = iter(self.score([clip for clips in people for clip in clips]).tolist())
        logits = [[next(scores) for _ in clips] for clips in people]
        return scoring.predict(path, found, logits, self.basis)

    def score(self, clips: Sequence[Clip]) -> np.ndarray:
        """Scores clips.

        Returns:
            Logits, float64 [n]; above 0 for fake.

        Raises:
            UserError: a logit is not finite.
        """
        batches = [self.eval_step(self.state, batch) for batch in self.batches(clips)]
        logits = np.concatenate([np.zeros(0), *map(np.asarray, batches)])[: len(clips)]
        if not np.isfinite(logits).all():
            raise UserError(f"the checkpoint of step {self.step} gives logits that are not finite")
        return logits.astype(np.float64)

    def explain(self, clips: Sequence[Clip]) -> Saliency:
        """Which regions and frames drove the clips' scores; compiled when it is first asked."""
        parts = [self._saliency_step(self.state, batch) for batch in self.batches(clips)]
        return Saliency(
            *(
                np.concatenate([np.asarray(part[field]) for part in parts])[: len(clips)]
                for field in range(len(Saliency._fields))
            )
        )

    @functools.cached_property
    def _saliency_step(self) -> Callable[[TrainState, Any], Saliency]:
        return self.devices.compile(functools.partial(saliency.saliency_step, task=self.task))

    def batches(self, clips: Sequence[Clip]) -> Iterator[dict[str, np.ndarray]]:
        """Yields clips in batches for a step; the last clip fills the last batch up.

        All are of one size, so that one program does for all videos.
        """
        share = -(-min(self.config.data.clips_per_video, _MOST_CLIPS_AT_A_TIME) // self._count)
        size = share * self._count
        for start in range(0, len(clips), size):
            some = [clip.images() for clip in clips[start : start + size]]
            yield {"frames": np.stack(some + some[-1:] * (size - len(some)))}

    @property
    def _count(self) -> int:
        return self.devices.mesh.size


def clip_shape(config: ml_collections.ConfigDict) -> tuple[int, int, int, int]:
    """(frames, height, width, channels) of a config's clips."""
    size = config.data.image_size
    return (config.data.num_frames, size, size, 3)


def recipe(config: ml_collections.ConfigDict, task: steps.Task) -> Recipe:
    """How the states of a run are made."""
    average = bool(config.ema_decay)
    return Recipe(task.model, task.optimizer, clip_shape(config), average)


def from_checkpoints(
    config: ml_collections.ConfigDict,
    task: steps.Task,
    checkpoints: Checkpoints,
    folder: pathlib.Path,
    devices: Parallel,
) -> Detector:
    """Loads the best of some checkpoints, or the last where none is known as the best.

    Raises:
        UserError: there is none, or it is damaged.
    """
    found = trained.restore(checkpoints, folder, config, devices.replicated)
    return Detector(
        config,
        task,
        devices,
        inference_state(found.variables),
        devices.compile(functools.partial(steps.eval_step, task=task)),
        Calibration.stored(found.meta["calibration"]),
        found.step,
        found.meta["fingerprint"],
        found.meta,
    )
