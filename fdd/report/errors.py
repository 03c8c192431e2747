"""The clips with the largest errors, with their frames."""

import dataclasses

import numpy as np

from fdd.data.records import Dataset
from fdd.data.schema import LANDMARKS
from fdd.evaluation.calibration import Calibration
from fdd.evaluation.scores import SELF_BLENDED, MakeFakes, Scores
from fdd.pages.plain import short


@dataclasses.dataclass(frozen=True)
class Strip:
    """A clip to show.

    Attributes:
        title: Which clip it is, and how it was scored.
        frames: uint8 [frames, height, width, 3], RGB.
    """

    title: str
    frames: np.ndarray


def worst(scores: Scores, calibration: Calibration, most: int = 6) -> Scores:
    """The clips furthest on the wrong side of the threshold, one per video; the worst comes first.

    Args:
        scores: Scores of a split's clips.
        calibration: Gives the threshold.
        most: Maximum number of clips.
    """
    distance = scores.logits - calibration.threshold
    wrong = np.where(scores.labels == 1, -distance, distance)
    chosen: list[int] = []
    for index in np.argsort(-wrong, kind="stable"):
        if wrong[index] < 0 or len(chosen) == most:
            break
        if scores.video_ids[index] not in scores.video_ids[chosen]:
            chosen.append(int(index))
    return scores.only(np.array(chosen, int))


def strips(scores: Scores, dataset: Dataset, fakes: MakeFakes | None = None) -> list[Strip]:
    """Fetches the frames of clips.

    Args:
        scores: The clips.
        dataset: The data set that they come from.
        fakes: What made the fakes that are not in it (`fdd.evaluation.scores.score`).
    """
    rows = dataset.metadata(scores.split)
    places = {(row["video_id"], row["clip_index"]): place for place, row in enumerate(rows)}
    source = dataset.source(scores.split)
    found = []
    for video_id, method, clip, label, logit in zip(
        scores.video_ids,
        scores.methods,
        scores.clip_indices,
        scores.labels,
        scores.logits,
        strict=True,
    ):
        is_made = fakes is not None and method == SELF_BLENDED
        genuine = str(video_id).removeprefix(f"{SELF_BLENDED}/") if is_made else str(video_id)
        place = places[genuine, int(clip)]
        record = source[place]
        frames = np.stack(record["frames"])
        if is_made:
            marks = record[LANDMARKS]
            (frames,) = np.asarray(fakes(np.array([place], np.int32), frames[None], marks[None]))
        kind = "fake" if label else "real"
        name = short(str(video_id), 80)
        found.append(Strip(f"{name}, clip {clip}: {kind}, logit {logit:+.2f}", frames))
    return found
