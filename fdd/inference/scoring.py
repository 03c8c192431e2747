"""From the logits of a video's clips to a prediction."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import scipy.special

from fdd.evaluation import pooling
from fdd.inference import familiar
from fdd.inference.familiar import Judgement
from fdd.inference.prediction import (
    NO_ANSWER,
    UNFAMILIAR,
    Basis,
    ClipScore,
    Interval,
    Person,
    Prediction,
)
from fdd.video.decode import Condition, DamagedError, IncompleteError, VideoError
from fdd.video.extraction import Clip, Extraction, NoFaceError, TooShortError, TooSlowError

MIN_CLIP_FRACTION = 1 / 3  # Of a video's clips; if fewer show a face, there is no answer.
CONFIDENCE = 0.95


def predict(
    path: str,
    extraction: Extraction,
    logits: Sequence[Sequence[float]],
    basis: Basis,
    judged: Sequence[Judgement] | None = None,
    answer_anyway: bool = False,
) -> Prediction:
    """Classifies a video by its clips' logits.

    A person's score is pooled over the person's clips, as in evaluation. The video's score is the
    highest of these. With many people it is the highest of many scores, so a crowd is called
    fake by mistake more often than one person.

    Args:
        path: The file.
        extraction: Its clips.
        logits: Logits of each person's clips.
        basis: Where the logits come from.
        judged: Each person's familiarity; None: not known.
        answer_anyway: Whether there is an answer about somebody who is not familiar.

    Returns:
        The prediction; without an answer if `lack` gives a reason, or if the person who decides
        (`fdd.inference.familiar.decisive`) is unlike those of training.
    """
    if detail := lack(extraction):
        return _without_answer(path, basis, "too few good frames", detail, extraction)
    people = tuple(
        _person(number, clips, scores, basis, judged and judged[number - 1], len(logits))
        for number, (clips, scores) in enumerate(zip(extraction.people, logits, strict=True), 1)
    )
    decisive = max(people, key=lambda person: person.logit)
    facts, doubts = _facts(extraction), extraction.doubts
    if judged:
        scores = [person.logit for person in people]
        fakes = [person.verdict == "fake" for person in people]
        chosen = familiar.decisive(scores, judged, fakes)
        decisive, judgement = people[chosen], judged[chosen]
        facts |= {"familiarity": judgement.familiarity, "outside": judgement.outside}
        if not judgement.is_familiar:
            why = familiar.why(judgement)
            if not answer_anyway:
                detail = f"{_of_whom(decisive, people)}{why}"
                made = _without_answer(path, basis, UNFAMILIAR, detail, extraction)
                return dataclasses.replace(made, **facts, doubts=doubts)
            facts["unfamiliar"] = True
            doubts = (f"it is {UNFAMILIAR}, and the score means nothing ({why})", *doubts)
    return Prediction(
        path=path,
        verdict=decisive.verdict,
        people=people,
        person=decisive.number,
        **facts,
        reason=None,
        detail=None,
        basis=basis,
        doubts=doubts,
    )


def _of_whom(person: Person, people: Sequence[Person]) -> str:
    return f"person {person.number}: " if len(people) > 1 else ""


def lack(extraction: Extraction) -> str | None:
    """Says why a video's clips are too few for an answer; None if they are enough.

    At least a third of the video's clips must show a face. A clip counts only if a face is found
    in at least half of its searched frames.
    """
    present = len({clip.index for clips in extraction.people for clip in clips})
    if present >= MIN_CLIP_FRACTION * extraction.num_clips:
        return None
    reasons = collections.Counter(extraction.missing.values())
    mostly = f"; mostly: {reasons.most_common(1)[0][0]}" if reasons else ""
    return (
        f"a face is there long enough in only {present} of {extraction.num_clips} clips, less than "
        f"a third{mostly}"
    )


def without_answer(path: str, error: VideoError, basis: Basis) -> Prediction:
    """A prediction for a video that gave no clip."""
    searched: Mapping[int, int] = {}
    reason, detail = "unreadable", str(error)
    if isinstance(error, TooShortError):
        reason = "too short"
    elif isinstance(error, TooSlowError):
        reason = "frame rate too low"
    elif isinstance(error, DamagedError):
        reason = "too few good frames"
    elif isinstance(error, NoFaceError):
        searched = error.searched
        reason = "too few good frames" if any(searched.values()) else "no face"
    prediction = _without_answer(path, basis, reason, detail)
    condition = error.condition or Condition(incomplete=isinstance(error, IncompleteError))
    return dataclasses.replace(prediction, condition=condition, **_searched(searched))


def interval(logits: Sequence[float], basis: Basis) -> Interval | None:
    """A 95 % interval for a person's probability, from the spread over the clips.

    It is Student's t interval for the mean of the clips' logits, mapped to probabilities, or of
    their probabilities if those are pooled. It shows
    how well this video's clips agree, as if they were independent samples. Neighbouring clips are
    correlated, so it is rather too narrow. It does not include the detector's errors on videos
    unlike those that it was trained on.

    Args:
        logits: The clips' logits.
        basis: Maps them to probabilities.

    Returns:
        (low, high); None for a single clip.
    """
    count = len(logits)
    if count < 2:
        return None
    reach = float(scipy.special.stdtrit(count - 1, (1 + CONFIDENCE) / 2))
    low, high = pooling.between(logits, reach, basis.pooling)
    return basis.probability(low), basis.probability(high)


def _person(
    number: int,
    clips: Sequence[Clip],
    logits: Sequence[float],
    basis: Basis,
    judgement: Judgement | None,
    people: int,
) -> Person:
    logit = pooling.pooled(logits, basis.pooling)
    scores = tuple(
        ClipScore(
            index=clip.index,
            start=clip.seconds[0],
            end=clip.seconds[-1],
            frame_indices=clip.frame_indices,
            face_box=clip.face and clip.face.box,
            crop_box=clip.crop,
            logit=float(logit),
            probability=basis.probability(logit),
        )
        for clip, logit in zip(clips, logits, strict=True)
    )
    seen = {index for clip in clips for index in clip.seen}
    return Person(
        number=number,
        verdict=basis.verdict(logit, people),
        probability=basis.probability(logit),
        interval=interval(logits, basis),
        logit=logit,
        clips=scores,
        frames_with_face=len(seen) if seen else None,
        familiarity=judgement and judgement.familiarity,
    )


def _without_answer(
    path: str, basis: Basis, reason: str, detail: str, extraction: Extraction | None = None
) -> Prediction:
    facts = {
        "num_clips": 0, "frames_searched": None, "frames_with_face": None, "duration": None,
    } if extraction is None else _facts(extraction)  # fmt: skip
    return Prediction(
        path=path,
        verdict=NO_ANSWER,
        people=(),
        person=None,
        **facts,
        reason=reason,
        detail=detail,
        basis=basis,
    )


def _facts(extraction: Extraction) -> dict[str, Any]:
    info = extraction.info
    return {
        "num_clips": extraction.num_clips,
        "duration": info.seconds(info.num_frames - 1),
        "condition": info.condition,
        **_searched(extraction.searched),
    }


def _searched(searched: Mapping[int, int]) -> dict[str, int | None]:
    if not searched:
        return {"frames_searched": None, "frames_with_face": None}
    found = sum(map(bool, searched.values()))
    return {"frames_searched": len(searched), "frames_with_face": found}
