"""Whether the people of a video are like those that a detector was trained on, and if not, why."""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fdd.errors import UserError, shown
from fdd.evaluation import quantities
from fdd.evaluation.conformal import Conformal
from fdd.evaluation.familiarity import Familiarity
from fdd.evaluation.quantities import Outside
from fdd.inference.source import Weights
from fdd.training.look import INPUT
from fdd.video.extraction import Extraction

MOST_REASONS = 3


class Judgement(NamedTuple):
    """A person's familiarity.

    Attributes:
        familiarity: Share of validation videos that are less familiar, from 0 to 1.
        is_familiar: Whether it reaches the threshold.
        outside: Measurable quantities outside their ranges in training; the farthest comes first.
    """

    familiarity: float
    is_familiar: bool
    outside: tuple[Outside, ...]


def judge(
    known: Familiarity,
    seen: Mapping[str, np.ndarray],
    extraction: Extraction,
    file_bytes: int | None,
) -> list[Judgement]:
    """Judges each person of a video.

    Args:
        known: The detector's familiarity.
        seen: Features of everybody's clips, one person's after the other's.
        extraction: The clips.
        file_bytes: Size of the file; None: not known.
    """
    distances = known.distances(seen)
    judged, start = [], 0
    for clips in extraction.people:
        mine = slice(start, start := start + len(clips))
        distance = float(distances[mine].mean())
        values = quantities.mean(
            [
                quantities.measured(
                    statistics,
                    *extraction.frame_size,
                    extraction.info.fps,
                    clip.face and clip.face.box,
                    clip.crop,
                    file_bytes,
                    extraction.info.num_frames,
                    len(extraction.people),
                )
                for statistics, clip in zip(seen[INPUT][mine], clips, strict=True)
            ]
        )
        found = tuple(quantities.outside(values, known.ranges)[:MOST_REASONS])
        judged.append(Judgement(known.of(distance), known.knows(distance), found))
    return judged


def why(judgement: Judgement) -> str:
    """What is unlike training in what can be measured, and what would help, as a clause."""
    share = f"{100 * judgement.familiarity:.0f} % of the validation videos are less familiar"
    if not judgement.outside:
        return (
            f"{share}; size, blur, compression and the like are as in training, so it is the "
            "content that differs: only a detector that was trained on such videos helps"
        )
    reasons = "; ".join(map(str, judgement.outside))
    remedies = "; ".join(dict.fromkeys(each.remedy for each in judgement.outside))
    return f"{share}; what can be measured: {reasons}; what may help: {remedies}"


def unknown(place: str | os.PathLike[str], is_published: bool) -> str:
    """What is said of a detector, loaded from a place, whose familiarity is not known."""
    return (
        "fdd: familiarity is not known, so videos unlike those that this detector was trained on "
        f"get an answer too ({_measuring(place, is_published)} measures it)"
    )


def with_error_rate(
    weights: Weights, error_rate: float, place: str | os.PathLike[str]
) -> Conformal:
    """What gives a detector's verdicts with an error rate.

    Args:
        weights: The detector's.
        error_rate: See `fdd.Detector.load`.
        place: What they were loaded from.

    Raises:
        UserError: it is not between 0 and 1, or what validation videos got is not known.
    """
    if not 0 < error_rate < 1:
        raise UserError(f"an error rate of {error_rate:g} is not above 0 and below 1")
    if weights.validated is None:
        raise UserError(
            "verdicts with an error rate need what validation videos got, which is not stored: "
            f"{_measuring(place, weights.step is None)} stores it"
        )
    return Conformal(weights.validated, error_rate)


def _measuring(place: str | os.PathLike[str], is_published: bool) -> str:
    name = shown(os.fspath(place))
    if is_published:
        return f"python -m fdd.evaluate --detector={name} --calibrate=DATASET_DIR"
    return f"python -m fdd.main --mode=eval --workdir={name}"


def size_of(path: str | os.PathLike[str]) -> int | None:
    """Size of a file in bytes; None of what is no file."""
    try:
        return os.stat(path).st_size if os.path.isfile(path) else None
    except (OSError, ValueError):
        return None


def decisive(scores: Sequence[float], judged: Sequence[Judgement], fakes: Sequence[bool]) -> int:
    """Who decides: the highest score of those who are familiar, if they are called fake.

    Otherwise it is the highest score of those who are not, if there are any: as long as somebody
    in a video is not known, it cannot be called real.
    """
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    familiar = [index for index in order if judged[index].is_familiar]
    others = [index for index in order if not judged[index].is_familiar]
    if familiar and (fakes[familiar[0]] or not others):
        return familiar[0]
    return others[0]
