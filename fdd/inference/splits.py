"""A detector's scores of a split of a data set, and what it sees there."""

from typing import Any

import numpy as np

from fdd.data.records import Dataset
from fdd.evaluation import looks, pooling, selective
from fdd.evaluation.conformal import Validated
from fdd.evaluation.familiarity import by_video
from fdd.evaluation.intervals import together
from fdd.evaluation.looks import Looks
from fdd.evaluation.scores import Scores, score
from fdd.inference.detector import Detector
from fdd.training import fakes


def scored(
    detector: Detector, dataset: Dataset, split: str, frames: str = "as_is"
) -> tuple[Scores, Looks | None]:
    """Scores a split, and where familiarity can be judged, looks at it in the same pass.

    Args:
        detector: The detector.
        dataset: The data set.
        split: 'train', 'validation' or 'test'.
        frames: See `fdd.evaluation.scores.frame_order`.

    Returns:
        The scores; and what was seen in the recorded clips, None if the detector's familiarity is
        not known or the frames are reordered.

    Raises:
        UserError: see `fdd.evaluation.scores.score`.
    """
    if detector.familiarity is not None and frames == "as_is":
        return looked(detector, dataset, split)
    return _score(detector, dataset, split, frames, None), None


def looked(detector: Detector, dataset: Dataset, split: str) -> tuple[Scores, Looks]:
    """Scores a split and looks at it in one pass; arguments and errors are those of `scored`."""
    size = detector.config.batch_size
    seen = looks.look(detector.look_step, detector.state, dataset, split, size)
    return _score(detector, dataset, split, "as_is", seen), seen


def validated(scores: Scores, dataset: Dataset) -> Validated:
    """What verdicts with an error rate need, from the scores of a data set's validation split."""
    videos = scores.by_video()
    groups = together(videos.target_people, videos.source_people)
    source = f"{len(groups)} validation videos of {dataset.name}"
    return Validated(videos.labels, videos.logits, groups, source)


def familiarity(detector: Detector, seen: Looks) -> dict[str, Any]:
    """How familiar a split's recorded videos are; see `fdd.evaluation.selective.summarize`."""
    _, first, inverse = np.unique(seen.videos, return_index=True, return_inverse=True)
    return selective.summarize(
        detector.familiarity,
        by_video(detector.familiarity.distances(seen.features), seen.videos),
        np.array([row["label"] for row in seen.rows])[first],
        pooling.by_group(seen.logits, inverse, detector.config.video_score),
        detector.calibration.threshold,
    )


def _score(
    detector: Detector, dataset: Dataset, split: str, frames: str, seen: Looks | None
) -> Scores:
    return score(
        detector.eval_step,
        detector.state,
        dataset,
        split,
        detector.config.batch_size,
        frames,
        fakes=fakes.for_split(detector.config, dataset, split),
        video_score=detector.config.video_score,
        known=None if seen is None else seen.logits,
    )
