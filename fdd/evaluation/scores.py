"""The logits of a split's clips, and their metrics per clip and per video."""

import csv
import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from fdd.data import pipeline
from fdd.data.catalog import LABELS
from fdd.data.padding import padded
from fdd.data.records import Dataset
from fdd.errors import UserError
from fdd.evaluation import metrics, pooling
from fdd.video.sampling import middle

SELF_BLENDED = "self_blended"
"""The method of fakes that were made of a split's genuine clips."""

MakeFakes = Callable[[np.ndarray, np.ndarray, np.ndarray], jax.Array]
"""Makes fakes: of positions int32 [b], genuine clips uint8 [b, t, h, w, 3] and landmarks float32
[b, t, 5, 2], fakes uint8 [b, t, h, w, 3]."""

FRAMES = ("as_is", "shuffled", "repeated")
_COLUMNS = (
    "video_id", "method", "label", "clip_index", "logit", "target_person", "source_person"
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of n clips.

    Attributes:
        split: The split.
        video_ids: (method, video) of each clip, in one string.
        methods: Forgery method of each clip, or where a real one comes from.
        labels: int [n]; 1 for fake, 0 for real.
        clip_indices: int [n]; which of its video's clips it is.
        logits: float64 [n]; above 0 for fake.
        target_people: The person who is the target of each fake, or is seen in a real clip.
        source_people: The person whose face a fake shows; '' for real clips, and if nobody else
            is named.
        pooling: How a video's score comes from its clips', see `fdd.evaluation.pooling`.
    """

    split: str
    video_ids: np.ndarray
    methods: np.ndarray
    labels: np.ndarray
    clip_indices: np.ndarray
    logits: np.ndarray
    target_people: np.ndarray
    source_people: np.ndarray
    pooling: str = pooling.POOLINGS[0]

    def by_video(self) -> "Scores":
        """One score per video, pooled from those of its clips."""
        _, first, inverse = np.unique(self.video_ids, return_index=True, return_inverse=True)
        logits = pooling.by_group(self.logits, inverse, self.pooling)
        none = np.zeros(len(first), int)
        return dataclasses.replace(self.only(first), logits=logits, clip_indices=none)

    def only(self, keep: np.ndarray) -> "Scores":
        """The clips that `keep` (bool [n], or indices) selects."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        arrays = {name: all_ for name, all_ in fields.items() if isinstance(all_, np.ndarray)}
        return dataclasses.replace(self, **{name: all_[keep] for name, all_ in arrays.items()})

    def against_reals(self, method: str) -> "Scores":
        """A method's fakes together with all real clips."""
        return self.only((self.labels == 0) | (self.methods == method))

    @property
    def forgery_methods(self) -> list[str]:
        """Names of the methods of the fakes, sorted."""
        return np.unique(self.methods[self.labels == 1]).tolist()

    def summary(self) -> dict[str, Any]:
        """Metrics as JSON-compatible values.

        Returns:
            {'split', 'video': metrics, 'clip': metrics, 'per_method': {method: metrics}}; metrics
            are those of `fdd.evaluation.metrics.summarize`. A method's metrics are per video, of
            its fakes against all real videos.
        """
        videos = self.by_video()
        per_method = {}
        for method in videos.forgery_methods:
            chosen = videos.against_reals(method)
            per_method[method] = metrics.summarize(chosen.labels, chosen.logits)
        return {
            "split": self.split,
            "video": metrics.summarize(videos.labels, videos.logits),
            "clip": metrics.summarize(self.labels, self.logits),
            "per_method": per_method,
        }

    def write_csv(self, path: pathlib.Path) -> None:
        """Writes a row per clip: video_id, method, label ('real' or 'fake'), clip_index, logit,
        target_person and source_person.
        """
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for row in zip(
                self.video_ids,
                self.methods,
                (LABELS[label] for label in self.labels),
                self.clip_indices,
                (f"{logit:.9g}" for logit in self.logits),
                self.target_people,
                self.source_people,
                strict=True,
            ):
                writer.writerow(row)


def score(
    eval_step: Callable[[Any, pipeline.Batch], jax.Array],
    state: Any,
    dataset: Dataset,
    split: str,
    batch_size: int,
    frames: str = "as_is",
    features: np.ndarray | None = None,
    fakes: MakeFakes | None = None,
    video_score: str = pooling.POOLINGS[0],
    known: np.ndarray | None = None,
) -> Scores:
    """Scores every clip of a split.

    Args:
        eval_step: `fdd.training.steps.eval_step`, compiled by `fdd.devices.parallel.Parallel`.
        state: The model's parameters and statistics.
        dataset: The data set.
        split: 'train', 'validation' or 'test'.
        batch_size: Clips at a time, over all devices.
        frames: See `frame_order`.
        features: float32 [n, t, c]; scored instead of the records' frames.
        fakes: For a split of genuine clips alone: makes a fake of each, which is scored as well,
            under the method `SELF_BLENDED`.
        video_score: The scores' `pooling`.
        known: Logits of the recorded clips in the order of the records, [n], if they are known
            already; then only made fakes are scored.

    Returns:
        Scores, in an order that does not depend on the records' order.

    Raises:
        UserError: a logit is not finite, or a record cannot be read.
    """
    rows = dataset.metadata(split)
    read = functools.partial(
        pipeline.eval_batches,
        dataset,
        split,
        batch_size=batch_size,
        shard=pipeline.Shard(jax.process_index(), jax.process_count()),
        features=features,
    )
    names = [f"{row['video_id']}/{row['clip_index']}" for row in rows]
    key = "frames" if features is None else "features"

    def logits(batches: Iterable[pipeline.Batch]) -> np.ndarray:
        if frames != "as_is":
            batches = (_reordered(batch, frames, names) for batch in batches)
        found = [np.asarray(eval_step(state, {key: batch[key]})) for batch in batches]
        return np.concatenate(found)[: len(rows)]  # The last batch is padded.

    found = logits(read()) if known is None else known
    if fakes is not None:
        found = np.concatenate([found, logits(_faked(read(landmarks=True), fakes))])
        rows = [*rows, *map(_fake, rows)]
    return _sorted(split, rows, _finite(found.astype(np.float64), split), video_score)


def _finite(logits: np.ndarray, split: str) -> np.ndarray:
    if bad := np.count_nonzero(~np.isfinite(logits)):
        raise UserError(
            f"{bad} of {len(logits)} clips of the split '{split}' get logits that are not finite: "
            "train again with a lower --config.learning_rate or --config.precision=float32"
        )
    return logits


def frame_order(kind: str, num_frames: int, clip: str) -> np.ndarray:
    """The order of a clip's frames, for controls that show what time contributes.

    Args:
        kind: 'as_is'; 'shuffled': a random order that depends only on the clip's name;
            'repeated': only the middle frame.
        num_frames: Frames in a clip.
        clip: The clip's name.

    Returns:
        int [num_frames].
    """
    if kind == "shuffled":
        seed = int.from_bytes(hashlib.sha256(clip.encode()).digest()[:8])
        return np.random.default_rng(seed).permutation(num_frames)
    if kind == "repeated":
        return np.full(num_frames, middle(range(num_frames)))
    return np.arange(num_frames)


def _sorted(
    split: str, rows: Sequence[Mapping[str, Any]], logits: np.ndarray, pooling: str
) -> Scores:
    """Scores by video and clip, from records' fields and their logits."""
    scores = Scores(
        split=split,
        video_ids=np.array([row["video_id"] for row in rows]),
        methods=np.array([row["method"] for row in rows]),
        labels=np.array([row["label"] for row in rows]),
        clip_indices=np.array([row["clip_index"] for row in rows]),
        logits=logits,
        target_people=np.array([row["target_person"] for row in rows]),
        source_people=np.array([row["source_person"] for row in rows]),
        pooling=pooling,
    )
    return scores.only(np.lexsort((scores.clip_indices, scores.video_ids)))


def _faked(batches: Iterable[pipeline.Batch], fakes: MakeFakes) -> Iterator[pipeline.Batch]:
    for batch in batches:
        made = fakes(batch["position"], batch["frames"], batch["landmarks"])
        yield {**batch, "frames": np.asarray(made)}


def _fake(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the fake that was made of a genuine clip."""
    video = f"{SELF_BLENDED}/{row['video_id']}"
    return {**row, "video_id": video, "method": SELF_BLENDED, "label": 1}


def _reordered(batch: pipeline.Batch, frames: str, names: Sequence[str]) -> pipeline.Batch:
    clips = batch["frames"].copy()
    for clip, number in zip(clips, padded(batch["position"], len(names)), strict=True):
        clip[:] = clip[frame_order(frames, len(clip), names[number])]
    return {**batch, "frames": clips}
