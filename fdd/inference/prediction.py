"""A detector's answer for one video: from its clips' logits to a probability and a verdict.

`Prediction.as_json` is what `python -m fdd.predict --json` prints, one object per line:

    format             2; changes when a field changes its meaning or is removed.
    path               The file.
    verdict            'fake', 'real' or 'no answer'; with --error_rate also 'undecided'.
    probability        Of fake, calibrated on validation videos; null without an answer.
    threshold          Above this probability the verdict is 'fake'. It is chosen on validation, so
                       it need not be 0.5.
    familiarity        Share of validation videos that are less like the training videos than this
                       one, from 0 to 1; null without a score, or if it is not known. With several
                       people, that of the person who decided.
    unfamiliar         Whether the video is unlike the training videos. Then there is no answer
                       (the reason is 'unlike what this detector was trained on'), unless it was
                       asked for by --answer_anyway: such a score means nothing.
    outside            Measurable quantities outside their range in training: a list of objects
                       with quantity (in words, with its unit), value, low and high.
    interval           [low, high] around `probability`: where the score of further clips of this
                       same video would put it, not how certain the verdict is
                       (`fdd.inference.scoring.interval`); null for a single clip.
    logit              Of the video: the mean over the clips' logits, or the logit of their mean
                       probability (detector.pooling); probability = sigmoid(logit / temperature).
    person             Number of the person who decided: the one with the highest score.
    conformal          null without --error_rate or without an answer; otherwise error_rate, p_real
                       and p_fake (how usual the score is for each class: p-values of validation's
                       groups of people, `fdd.evaluation.conformal`), groups_real and groups_fake
                       (how many groups), promise (what the error rate covers and assumes, in a
                       sentence), and shortage (what cannot be said for lack of people in
                       validation; else empty). A video is called fake only if p_real is at most
                       the error rate, and real only if p_fake is.
    people             One object per person: number (from 1, the largest face first), verdict,
                       probability, interval, logit, frames_with_face, familiarity, and clips, one
                       object per clip: index, start and end (seconds), frame_indices, face_box and
                       crop_box ([x0, y0, x1, y1] in pixels of the video's frames), logit,
                       probability.
    num_clips          How many clips the video has.
    frames_searched    How many frames were searched for faces; null where full frames are used.
    frames_with_face   In how many of these there was at least one.
    duration           Time of the video's last frame in seconds.
    frames_damaged     How many frames were left out because they cannot be decoded without errors.
    incomplete         Whether the file is shorter than it declares.
    notes              Further remarks on the file: a list of clauses.
    reason             Why there is no answer: 'no face', 'too short', 'frame rate too low',
                       'unreadable', 'too few good frames' or 'unlike what this detector was
                       trained on'; null if there is an answer.
    detail             The same in a sentence.
    doubts             Sentences about what makes an answer less certain than its numbers say: two
                       people who may be one, or may have been exchanged; times that the file does
                       not have; a face so small that only a larger search finds it. Usually empty.
    detector           step (of the checkpoint; null for published weights), weights (which they
                       are, in words), fingerprint (of the preprocessing), pooling ('mean_logit' or
                       'mean_probability'), temperature, threshold (as a logit), fitted (false: both
                       are neutral), reason (why they were not fitted; empty if they were).

Format 1 had no familiarity, unfamiliar and outside: every video that could be cut got a verdict.

Unknown values are null. People are followed by the position and motion of their faces. So a person
who moves far between two clips, or is elsewhere after a cut, counts as another person; `doubts`
says where this may have happened.
"""

import dataclasses
from typing import Any

import scipy.special

from fdd.evaluation.calibration import Calibration
from fdd.evaluation.conformal import UNDECIDED, Conformal
from fdd.evaluation.pooling import POOLINGS
from fdd.evaluation.quantities import QUANTITIES, Outside
from fdd.video.crops import Box
from fdd.video.decode import HEALTHY, Condition

NO_ANSWER = "no answer"
VERDICTS = ("fake", "real", NO_ANSWER, UNDECIDED)
UNFAMILIAR = "unlike what this detector was trained on"
REASONS = (
    *("no face", "too short", "frame rate too low", "unreadable", "too few good frames"),
    UNFAMILIAR,
)
_FORMAT = 2

Interval = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Basis:
    """What an answer depends on besides the video.

    Attributes:
        step: The checkpoint's step; None for published weights.
        fingerprint: Fingerprint of the preprocessing.
        calibration: Fitted on validation.
        pooling: How a video's score comes from its clips', see `fdd.evaluation.pooling`.
        name: Of published weights.
        conformal: Gives the verdicts, if an error rate was asked for.
    """

    step: int | None
    fingerprint: str
    calibration: Calibration
    pooling: str = POOLINGS[0]
    name: str = ""
    conformal: Conformal | None = None

    @property
    def weights(self) -> str:
        """Which weights they are, in words."""
        if self.step is None:
            return f"Published weights, {self.name}"
        return f"Checkpoint of step {self.step}"

    @property
    def threshold(self) -> float:
        """The probability above which a video is called fake."""
        return self.probability(self.calibration.threshold)

    def probability(self, logit: float) -> float:
        """The calibrated probability of fake."""
        return float(scipy.special.expit(logit / self.calibration.temperature))

    def verdict(self, logit: float, people: int = 1) -> str:
        """'fake', 'real' or, with an error rate, 'undecided'; of one of so many people's scores."""
        plain = "fake" if logit > self.calibration.threshold else "real"
        return self.conformal.verdict(logit, people, plain) if self.conformal else plain


@dataclasses.dataclass(frozen=True)
class ClipScore:
    """A clip's score.

    Attributes:
        index: Which of the video's clips it is, from 0.
        start: Time of its first frame in seconds after the video's first one.
        end: Time of its last frame.
        frame_indices: Its frames in the video.
        face_box: (x0, y0, x1, y1) in pixels of the video's frames; None for full frames.
        crop_box: The region that the detector saw; it may extend beyond the frame's border.
        logit: Above 0 for fake, before calibration.
        probability: Of fake, calibrated.
    """

    index: int
    start: float
    end: float
    frame_indices: tuple[int, ...]
    face_box: Box | None
    crop_box: Box
    logit: float
    probability: float


@dataclasses.dataclass(frozen=True)
class Person:
    """The score of one person of a video, or of its full frames.

    Attributes:
        number: From 1; people with larger faces over the whole video come first.
        verdict: 'fake', 'real' or, with an error rate, 'undecided'.
        probability: Of fake, calibrated.
        interval: See `fdd.inference.scoring.interval`.
        logit: Pooled over the clips.
        clips: The clips in order.
        frames_with_face: The number of searched frames in which this person was found.
        familiarity: See `Prediction`.
    """

    number: int
    verdict: str
    probability: float
    interval: Interval | None
    logit: float
    clips: tuple[ClipScore, ...]
    frames_with_face: int | None
    familiarity: float | None = None


@dataclasses.dataclass(frozen=True)
class Prediction:
    """A detector's answer for a video; the module's docstring explains each field.

    Attributes:
        path: The file.
        verdict: One of `VERDICTS`.
        people: Everybody with a score; empty without an answer.
        person: Number of the person who decided.
        num_clips: How many clips the video has; 0 if it gave none.
        frames_searched: How many frames were searched for faces.
        frames_with_face: How many of these have at least one.
        duration: In seconds.
        reason: One of `REASONS` without an answer, otherwise None.
        detail: The same in a sentence.
        basis: What the answer depends on besides the video.
        doubts: What makes the answer less certain, in sentences.
        condition: The state of the file.
        familiarity: Share of validation videos that are less familiar; None: not known.
        unfamiliar: Whether there is an answer although the video is unlike those of training.
        outside: Measurable quantities outside their ranges in training.
    """

    path: str
    verdict: str
    people: tuple[Person, ...]
    person: int | None
    num_clips: int
    frames_searched: int | None
    frames_with_face: int | None
    duration: float | None
    reason: str | None
    detail: str | None
    basis: Basis
    doubts: tuple[str, ...] = ()
    condition: Condition = HEALTHY
    familiarity: float | None = None
    unfamiliar: bool = False
    outside: tuple[Outside, ...] = ()

    @property
    def decisive(self) -> Person | None:
        """The person who decided; None without an answer."""
        return None if self.person is None else self.people[self.person - 1]

    @property
    def probability(self) -> float | None:
        """The calibrated probability of fake; None without an answer."""
        return None if self.person is None else self.decisive.probability

    @property
    def interval(self) -> Interval | None:
        """The interval around the probability; see `fdd.inference.scoring.interval`."""
        return None if self.person is None else self.decisive.interval

    @property
    def logit(self) -> float | None:
        """The decisive person's logit."""
        return None if self.person is None else self.decisive.logit

    @property
    def threshold(self) -> float:
        """The probability above which a video is called fake."""
        return self.basis.threshold

    @property
    def conformal(self) -> dict[str, Any] | None:
        """How the verdict follows from the error rate; see the module's docstring."""
        made = self.basis.conformal
        if made is None or self.person is None:
            return None
        real, fake = made.p_values(self.logit, len(self.people))
        return {
            "error_rate": made.error_rate,
            "p_real": real,
            "p_fake": fake,
            "groups_real": made.validated.count(0),
            "groups_fake": made.validated.count(1),
            "promise": made.promise(),
            "shortage": made.shortage(),
        }

    def as_json(self) -> dict[str, Any]:
        """The fields that the module's docstring lists, as JSON-compatible values."""
        names = ("probability", "threshold", "interval", "logit", "person")
        others = ("num_clips", "frames_searched", "frames_with_face", "duration", "reason")
        return {
            "format": _FORMAT,
            "path": self.path,
            "verdict": self.verdict,
            "familiarity": self.familiarity,
            "unfamiliar": self.unfamiliar or self.reason == UNFAMILIAR,
            "outside": [
                {
                    "quantity": QUANTITIES[each.key].name,
                    **{name: getattr(each, name) for name in ("value", "low", "high")},
                }
                for each in self.outside
            ],
            **{name: getattr(self, name) for name in names},
            "conformal": self.conformal,
            "people": [dataclasses.asdict(person) for person in self.people],
            **{name: getattr(self, name) for name in others},
            "frames_damaged": self.condition.damaged,
            "incomplete": self.condition.incomplete,
            "notes": list(self.condition.notes),
            "detail": self.detail,
            "doubts": list(self.doubts),
            "detector": {
                "step": self.basis.step,
                "weights": self.basis.weights,
                "fingerprint": self.basis.fingerprint,
                "pooling": self.basis.pooling,
                **dataclasses.asdict(self.basis.calibration),
            },
        }
