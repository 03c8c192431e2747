"""Verdicts with a stated error rate: real, fake or undecided.

A video is called fake only if few enough genuine videos of validation have so high a score, and
real only if few enough fakes have so low a one: split-conformal prediction, by class (Mondrian;
Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005).

Videos of one person, or of a pair whose faces were exchanged, are not independent; groups of people
are. So the p-value is that of hierarchical conformal prediction (Lee, Barber and Willett,
Distribution-free Inference with Hierarchical Data, 2023; also Dunn, Wasserman and Ramdas,
Distribution-Free Prediction Sets for Two-Layer Hierarchical Models, JASA 2023): each group has the
same weight, divided among its videos. If groups are exchangeable, and videos within a group too, a
video of a new group gets a p-value of at most alpha in at most a share alpha of all cases, whatever
the distribution and the sizes of the groups. Groups of validation are the connected components of
people seen together (`fdd.evaluation.intervals.together`).

What this does not cover: the checkpoint was chosen on the same validation videos, which makes their
scores a little better than those of new videos; and of two videos of one new person, both may be
wrong.
"""

import dataclasses
import math

import numpy as np

UNDECIDED = "undecided"
VERDICTS = ("real", "fake")
"""By label."""

_ROUNDING = 1e-9  # Of sums of weights.


@dataclasses.dataclass(frozen=True, eq=False)
class Validated:
    """What validation videos got.

    Attributes:
        labels: int [n]; 1 for fake.
        logits: float64 [n], of videos.
        groups: int [n]; the group of people that it shows (`fdd.evaluation.intervals.together`).
        source: Which videos they are, in words.
    """

    labels: np.ndarray
    logits: np.ndarray
    groups: np.ndarray
    source: str = ""

    def count(self, label: int) -> int:
        """The number of groups that have a video of a class."""
        return len(np.unique(self.groups[self.labels == label]))

    def p_values(self, logits: np.ndarray, label: int) -> np.ndarray:
        """How usual logits are for a class, float64 [m]: p-values of the hypothesis that the videos
        belong to it. Those of real videos fall with the logit, those of fakes rise.

        Args:
            logits: float [m].
            label: 1 for fake.
        """
        sign = -1 if label else 1
        mine = self.labels == label
        scores, groups = sign * self.logits[mine], self.groups[mine]
        _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        order = np.argsort(scores)
        weights = 1 / sizes[inverse][order]
        beyond = np.append(np.cumsum(weights[::-1])[::-1], 0.0)
        place = np.searchsorted(scores[order], sign * np.asarray(logits, np.float64), side="left")
        return (1 + beyond[place]) / (len(sizes) + 1)


@dataclasses.dataclass(frozen=True)
class Conformal:
    """Gives verdicts with an error rate.

    Attributes:
        validated: What validation videos got.
        error_rate: Alpha, above 0 and below 1: at most this share of real videos is called fake,
            and at most this share of fakes real.
    """

    validated: Validated
    error_rate: float

    def p_values(self, logit: float, people: int = 1) -> tuple[float, float]:
        """Those of 'real' and of 'fake' for a video; see `Validated.p_values`.

        Args:
            logit: The highest of the people's in the video.
            people: How many there are. A real video shows only real ones, whose highest score is
                higher than one's: 'real' gets Bonferroni's factor. In a fake one person is enough.
        """
        real, fake = (float(self.validated.p_values([logit], label)[0]) for label in (0, 1))
        return min(1.0, people * real), fake

    def verdict(self, logit: float, people: int = 1, otherwise: str = "real") -> str:
        """'real', 'fake' or 'undecided'; the arguments are those of `p_values`.

        If both p-values are too small, the larger one decides, which makes no further errors: a
        class is still given only if the other one's p-value is at most alpha. `otherwise` is the
        verdict if these are equal.
        """
        real, fake = self.p_values(logit, people)
        rejected = [each <= self.error_rate + _ROUNDING for each in (real, fake)]
        if all(rejected) and real == fake:
            return otherwise
        if all(rejected):
            return "real" if real > fake else "fake"
        return VERDICTS[rejected.index(False)] if any(rejected) else UNDECIDED

    @property
    def fewest(self) -> int:
        """The fewest groups of a class with which a video can be said not to belong to it."""
        return math.ceil(1 / self.error_rate - 1 - _ROUNDING)

    def shortage(self) -> str:
        """What cannot be said for lack of people in validation, in a sentence; '' if nothing."""
        lacking = [
            f"no video can be called {VERDICTS[1 - label]} ({self.validated.count(label)} groups "
            f"of people with {VERDICTS[label]} videos)"
            for label in (0, 1)
            if self.validated.count(label) < self.fewest
        ]
        if not lacking:
            return ""
        return (
            f"Validation has too few people for an error rate of {self.error_rate:g}, which takes "
            f"{self.fewest} groups of them in each class: {' and '.join(lacking)}."
        )

    def promise(self) -> str:
        """What the error rate covers, and on what assumption, in a sentence."""
        most = f"{100 * self.error_rate:g} %"
        counts = [self.validated.count(label) for label in (0, 1)]
        return (
            f"At most {most} of the real videos are called fake and at most {most} of the fake "
            "ones real, if videos are of new people who are exchangeable with those of validation: "
            "filmed, forged and coded in the same ways (split-conformal, by class, over "
            f"{counts[0]} groups of people in real and {counts[1]} in fake videos; the checkpoint "
            "was chosen on the same videos, so it may be a little more)."
        )


def summarize(
    conformal: Conformal, labels: np.ndarray, logits: np.ndarray, threshold: float
) -> dict[str, float | int | str | None]:
    """How often verdicts are wrong on a data set's videos.

    Args:
        conformal: Gives the verdicts.
        labels: [n]; 1 for fake.
        logits: float [n].
        threshold: A logit above it is called fake where the p-values are equal.

    Returns:
        JSON-compatible: 'error_rate'; 'real_called_fake', 'fake_called_real' (shares of the class;
        None without a video of it); 'undecided' (of all videos); 'undecided_real',
        'undecided_fake'; 'groups_real' and 'groups_fake' of validation; 'shortage'.
    """
    ties = np.where(np.asarray(logits) > threshold, "fake", "real")
    given = np.array(
        [
            conformal.verdict(logit, otherwise=str(tie))
            for logit, tie in zip(logits, ties, strict=True)
        ]
    )
    real, fake = labels == 0, labels == 1

    def share(verdict: str, chosen: np.ndarray) -> float | None:
        return float(np.mean(given[chosen] == verdict)) if chosen.any() else None

    return {
        "error_rate": conformal.error_rate,
        "real_called_fake": share("fake", real),
        "fake_called_real": share("real", fake),
        "undecided": share(UNDECIDED, real | fake),
        "undecided_real": share(UNDECIDED, real),
        "undecided_fake": share(UNDECIDED, fake),
        "groups_real": conformal.validated.count(0),
        "groups_fake": conformal.validated.count(1),
        "shortage": conformal.shortage(),
    }


def sentence(found: dict[str, float | int | str | None]) -> str:
    """A summary in words, for a report."""

    def percent(value: float | None) -> str:
        return "n/a" if value is None else f"{100 * value:.1f} %"

    return (
        f"Verdicts at an error rate of {found['error_rate']:g} per class: "
        f"{percent(found['real_called_fake'])} of the real videos are called fake, "
        f"{percent(found['fake_called_real'])} of the fake ones real, and "
        f"{percent(found['undecided'])} of all are undecided. {found['shortage']}"
    ).strip()
