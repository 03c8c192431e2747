"""A trained detector, of a run or published by others, ready to classify videos."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from fdd.data.padding import padded
from fdd.devices import memory
from fdd.devices.parallel import Parallel
from fdd.errors import UserError
from fdd.evaluation.calibration import Calibration
from fdd.evaluation.conformal import Conformal
from fdd.evaluation.familiarity import Familiarity
from fdd.inference import familiar, saliency, scoring, sources
from fdd.inference.prediction import Basis, Prediction
from fdd.inference.saliency import Saliency
from fdd.inference.source import Weights
from fdd.training import config_checks, look, steps
from fdd.training.state import TrainState, inference_state
from fdd.training.task import Task, create_task
from fdd.video.decode import VideoError
from fdd.video.extraction import Clip, Extraction
from fdd.video.prefetch import ClipPrefetcher, extract
from fdd.video.preprocessing import STORED, Preprocessing

EvalStep = Callable[[TrainState, Any], jax.Array]

_MOST_FRAMES_AT_A_TIME = 40  # ResNet-50 at 224 pixels needs less than 2 GiB for them.
_IF_NO_MEMORY = "end other programs that use memory, or use a CPU (JAX_PLATFORMS=cpu)"


@dataclasses.dataclass(frozen=True)
class Detector:
    """Everything that is needed for scoring.

    Attributes:
        config: The run's config.
        task: What its steps compute.
        devices: The devices that it runs on.
        state: The best checkpoint's parameters (their average if there is one) and statistics.
        eval_step: `fdd.training.steps.eval_step`, spread over the devices.
        calibration: Fitted on validation.
        step: The checkpoint's step; None for published weights.
        fingerprint: Fingerprint of the preprocessing that it was trained with.
        trained_on: What its checkpoint stores about the data set (`fdd.runs.trained_on.facts`).
        name: The run's, or that of published weights.
        familiarity: What videos like those of training are like; None if it is not known, and then
            every video gets an answer.
        answer_anyway: Whether unfamiliar videos get an answer as well, which says so.
        conformal: Gives verdicts with an error rate, if one was asked for.
    """

    config: ml_collections.ConfigDict
    task: Task
    devices: Parallel
    state: TrainState
    eval_step: EvalStep
    calibration: Calibration
    step: int | None
    fingerprint: str
    trained_on: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    name: str = ""
    familiarity: Familiarity | None = None
    answer_anyway: bool = False
    conformal: Conformal | None = None

    @classmethod
    def load(
        cls,
        place: str | os.PathLike[str],
        answer_anyway: bool = False,
        error_rate: float | None = None,
    ) -> "Detector":
        """Loads the best checkpoint of a run, or weights that others published.

        Args:
            place: The run's folder; or hf://yermandy/GenD_CLIP_L_14, a detector on the Hugging Face
                hub, or a folder with such a repository's files (`fdd.inference.published`). What is
                on the hub is fetched the first time. Neither the real weights nor the published
                figures were run by the authors of fdd.
            answer_anyway: See `Detector`.
            error_rate: Share, above 0 and below 1, of each class that may get the other's verdict;
                others are 'undecided' (`fdd.evaluation.conformal`).

        Raises:
            UserError: there is no run, it has no checkpoint yet, or its best one is damaged;
                or it was trained in float64 and JAX's 64-bit mode is off; or published weights
                cannot be fetched, are damaged or do not fit; or the error rate cannot be used.
        """
        source = sources.find(place)
        config = source.config
        config_checks.check(config)
        devices = Parallel(config.parallel)
        task = create_task(config)
        eval_step = devices.compile_by_clip(functools.partial(steps.eval_step, task=task))
        weights = source.weights(task, devices)
        loaded = with_weights(config, task, eval_step, devices, weights, source.name)
        made = None if error_rate is None else familiar.with_error_rate(weights, error_rate, place)
        return dataclasses.replace(loaded, answer_anyway=answer_anyway, conformal=made)

    @property
    def preprocessing(self) -> Preprocessing:
        """How videos are cut: exactly like those that it was trained on.

        Raises:
            UserError: this version of fdd cannot do that, or it was trained on stored frames.
        """
        if self.training_preprocessing.region == STORED:
            raise UserError(
                "the run was trained on frames that others cropped and stored (region=stored), and "
                "no video can be cut in the same way: it classifies only data sets of such frames "
                "(python -m fdd.evaluate); train on videos to classify videos"
            )
        return self.training_preprocessing

    @functools.cached_property
    def training_preprocessing(self) -> Preprocessing:
        """How the clips it was trained on were cut.

        Raises:
            UserError: this version of fdd cuts clips differently.
        """
        spec = Preprocessing.of(self.config.data)
        if spec.fingerprint() != self.fingerprint:
            raise UserError(
                f"the run was trained on clips cut by another version of fdd or of the face "
                f"detector (fingerprint {self.fingerprint}, now {spec.fingerprint()}): classify "
                "videos with that version, or train again"
            )
        return spec

    @property
    def basis(self) -> Basis:
        """What its answers depend on besides the video."""
        return Basis(
            step=self.step,
            fingerprint=self.fingerprint,
            calibration=self.calibration,
            pooling=self.config.video_score,
            name=self.name,
            conformal=self.conformal,
        )

    def predict(self, path: str | os.PathLike[str]) -> Prediction:
        """Classifies a video.

        Args:
            path: Any file that FFmpeg reads; the prediction says what is wrong with it.

        Raises:
            UserError: see `preprocessing` and `score`.
        """
        found = extract(path, self.preprocessing)
        return self.classify(path, found, familiar.size_of(path))

    def predict_all(self, paths: Iterable[str | os.PathLike[str]]) -> Iterator[Prediction]:
        """Yields a prediction per video, in order; decodes the next videos meanwhile."""
        for path, found in ClipPrefetcher(paths, self.preprocessing):
            yield self.classify(path, found, familiar.size_of(path))

    def classify(
        self,
        path: str | os.PathLike[str],
        found: Extraction | VideoError,
        file_bytes: int | None = None,
    ) -> Prediction:
        """Classifies a video that has been cut into clips.

        Args:
            path: The file.
            found: The result of `fdd.video.prefetch.extract` for it and `preprocessing`.
            file_bytes: The file's size; None: not known.

        Raises:
            UserError: see `predict`.
        """
        path = os.fspath(path)
        _ = self.preprocessing  # Raises if it is not available.
        if isinstance(found, VideoError):
            return scoring.without_answer(path, found, self.basis)
        people = () if scoring.lack(found) else found.people
        seen = self.look([clip for clips in people for clip in clips])
        scores = iter(seen["logits"].tolist())
        logits = [[next(scores) for _ in clips] for clips in people]
        known = None
        if self.familiarity and people:
            known = familiar.judge(self.familiarity, seen, found, file_bytes)
        return scoring.predict(path, found, logits, self.basis, known, self.answer_anyway)

    def look(self, clips: Sequence[Clip]) -> dict[str, np.ndarray]:
        """Scores clips, and says what familiarity is judged by.

        Returns:
            {'logits': float64 [n]}; and if the detector's familiarity is known, features by part
            (`fdd.training.look.look_step`).

        Raises:
            UserError: see `score`.
        """
        if self.familiarity is None or not clips:
            return {"logits": self.score(clips)}
        with memory.enough_for("judging a clip", _IF_NO_MEMORY):
            found = [self.look_step(self.state, batch) for batch in self.batches(clips)]
        names = [name for name in found[0] if name == "logits" or name in self.familiarity.parts]
        seen = {
            name: np.concatenate([np.asarray(part[name]) for part in found])[: len(clips)]
            for name in names
        }
        return {**seen, "logits": self._finite(seen["logits"])}

    @functools.cached_property
    def look_step(self) -> Callable[[TrainState, Any], dict[str, jax.Array]]:
        """`fdd.training.look.look_step`, spread over the devices; compiled on first use."""
        step = functools.partial(look.look_step, task=self.task)
        return self.devices.compile_by_clip(step)

    def score(self, clips: Sequence[Clip]) -> np.ndarray:
        """Scores clips.

        Returns:
            Logits, float64 [n]; above 0 for fake.

        Raises:
            UserError: a logit is not finite, or memory ran out with a clip at a time.
        """
        with memory.enough_for("judging a clip", _IF_NO_MEMORY):
            batches = [self.eval_step(self.state, batch) for batch in self.batches(clips)]
        return self._finite(np.concatenate([np.zeros(0), *map(np.asarray, batches)])[: len(clips)])

    def _finite(self, logits: np.ndarray) -> np.ndarray:
        if not np.isfinite(logits).all():
            weights = self.basis.weights
            raise UserError(f"{weights[:1].lower()}{weights[1:]}: its logits are not finite")
        return logits.astype(np.float64)

    def explain(self, clips: Sequence[Clip]) -> Saliency:
        """The regions and frames that the clips' scores depend on; compiled on first use.

        Raises:
            UserError: there is not enough memory for a single clip.
        """
        with memory.enough_for("explaining a clip", _IF_NO_MEMORY):
            parts = [self._saliency_step(self.state, batch) for batch in self.batches(clips)]
        return Saliency(
            *(
                np.concatenate([np.asarray(part[field]) for part in parts])[: len(clips)]
                for field in range(len(Saliency._fields))
            )
        )

    @functools.cached_property
    def _saliency_step(self) -> Callable[[TrainState, Any], Saliency]:
        step = functools.partial(saliency.saliency_step, task=self.task)
        return self.devices.compile_by_clip(step)

    def batches(self, clips: Sequence[Clip]) -> Iterator[dict[str, np.ndarray]]:
        """Yields clips in batches for a step; the last batch is padded with the last clip.

        All batches have one size, so that one program is enough for all videos.
        """
        most = max(1, _MOST_FRAMES_AT_A_TIME // self.config.data.num_frames)
        clips_per_device = -(-min(self.config.data.clips_per_video, most) // self._count)
        size = clips_per_device * self._count
        for start in range(0, len(clips), size):
            some = [clip.images() for clip in clips[start : start + size]]
            yield {"frames": np.stack(some)[padded(np.arange(size), len(some))]}

    @property
    def _count(self) -> int:
        return self.devices.mesh.size


def with_weights(
    config: ml_collections.ConfigDict,
    task: Task,
    eval_step: EvalStep,
    devices: Parallel,
    weights: Weights,
    name: str,
) -> Detector:
    """The detector that consists of these; the arguments are as in `Detector` and `Weights`."""
    return Detector(
        config=config,
        task=task,
        devices=devices,
        state=inference_state(weights.variables),
        eval_step=eval_step,
        calibration=weights.calibration,
        step=weights.step,
        fingerprint=weights.fingerprint,
        trained_on=weights.trained_on,
        name=name,
        familiarity=weights.familiarity,
    )
