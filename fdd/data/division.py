"""Dividing videos that come without splits into training, validation and test, by group."""

import collections
import dataclasses
import hashlib
import math
from collections.abc import Collection, Mapping, Sequence

from fdd.data.catalog import LABELS, Video
from fdd.data.splits import SPLITS
from fdd.errors import UserError

_SEED = 0
_SUM_TOLERANCE = 1e-6  # So that three thirds, written with seven digits, are accepted.


@dataclasses.dataclass(frozen=True)
class Division:
    """How groups of videos are divided.

    Attributes:
        fractions: The fractions of groups for training, validation and test; their sum is 1.
        seed: A part of the hash that orders the groups.
    """

    fractions: tuple[float, float, float]
    seed: int = _SEED

    @classmethod
    def parse(cls, text: str) -> "Division | None":
        """Reads '0.7,0.15,0.15'; returns None (no division) for ''.

        Raises:
            ValueError: the text has another form, a number is negative, or the sum is not 1.
        """
        if not text.strip():
            return None
        wanted = "split must be three numbers for train, validation and test that add up to 1"
        try:
            fractions = tuple(float(part) for part in text.strip(" ()[]").split(","))
        except ValueError:
            fractions = ()
        usable = len(fractions) == len(SPLITS) and all(0 <= fraction <= 1 for fraction in fractions)
        if not usable or abs(math.fsum(fractions) - 1) > _SUM_TOLERANCE:
            raise ValueError(f"{wanted}, such as 0.7,0.15,0.15, not '{text}'")
        return cls(fractions)

    @property
    def used(self) -> tuple[str, ...]:
        """The splits with a fraction above 0."""
        return tuple(
            name for name, fraction in zip(SPLITS, self.fractions, strict=True) if fraction
        )

    def text(self, between: str = ",") -> str:
        """In the form that `parse` reads."""
        return between.join(f"{fraction:g}" for fraction in self.fractions)


def divide(videos: Sequence[Video], division: Division) -> dict[str, str]:
    """The split of each group (`Video.target`).

    Groups with real videos only, with fakes only, and with both are divided separately, so that
    every split gets both classes, or real videos where there is no fake at all. Each time, the
    groups are sorted by a hash of their names; the first ones go to training. The order of files
    does not matter. A new group moves at most one group of its kind over each of the two borders. A
    new video in a group moves nothing, unless it is the group's first video of a class.

    Args:
        videos: Of both classes, or real ones alone.
        division: The fractions.

    Raises:
        UserError: there are too few groups for both classes in each split.
    """
    labels = collections.defaultdict(set)
    for video in videos:
        labels[video.target].add(video.label)
    kinds = [
        sorted((g for g, found in labels.items() if found == set(kind)), key=_order(division.seed))
        for kind in (LABELS, LABELS[:1], LABELS[1:])
    ]
    splits: dict[str, str] = {}
    real, fake = LABELS
    has_fakes = any(fake in found for found in labels.values())
    lacking = {label: set(division.used) for label in (LABELS if has_fakes else (real,))}
    for groups, kind in zip(kinds, (LABELS, LABELS[:1], LABELS[1:]), strict=True):
        first = set().union(*(lacking.get(label, ()) for label in kind))
        ends = _counts(len(groups), division, first)
        names = [name for name in SPLITS for _ in range(ends.get(name, 0))]
        splits |= dict(zip(groups, names, strict=True))
        for label in lacking.keys() & {*kind}:
            lacking[label] -= set(names)
    if any(lacking.values()):
        both, only_real, only_fake = map(len, kinds)
        found, wanted = f"{only_real} real videos", "real videos"
        if has_fakes:
            found = (
                f"{both + only_real} groups with real videos and {both + only_fake} with fakes, "
                f"{both} of them with both,"
            )
            wanted = "real and fake videos"
        raise UserError(
            f"{found} are too few for {wanted} in each of {', '.join(division.used)}: add videos, "
            "name smaller groups in groups.csv, or give a split the fraction 0 "
            f"(config.data.split={division.text()})"
        )
    return splits


def _order(seed: int):
    return lambda group: hashlib.sha256(f"{seed}:{group}".encode()).digest()


def _counts(total: int, division: Division, first: Collection[str]) -> Mapping[str, int]:
    """How many groups each split gets: one for each of `first`, the others by largest remainder."""
    fractions = {n: s for n, s in zip(SPLITS, division.fractions, strict=True) if s}
    by_fraction = sorted(fractions, key=lambda name: -fractions[name])
    least = [name for name in by_fraction if name in first][:total]
    counts = {
        name: math.floor(fraction * total + _SUM_TOLERANCE) for name, fraction in fractions.items()
    }
    rests = sorted(by_fraction, key=lambda name: counts[name] - fractions[name] * total)
    for name in rests[: total - sum(counts.values())]:
        counts[name] += 1
    for name in least:
        if not counts[name]:
            # From where most can be spared.
            giver = max(fractions, key=lambda other: counts[other] - (other in least))
            counts[giver] -= 1
            counts[name] = 1
    return counts


def summary(videos: Sequence[Video], division: Division, grouped: bool) -> str:
    """One line: what was divided how, and what each split has.

    Args:
        videos: With their splits.
        division: How.
        grouped: Whether groups were given; otherwise each video is one.
    """
    parts = []
    for split in division.used:
        inside = [video for video in videos if video.split == split]
        counts = collections.Counter(video.label for video in inside)
        groups = f" in {len({v.target for v in inside})} groups" if grouped else ""
        parts.append(f"{split} {counts['real']} real, {counts['fake']} fake{groups}")
    by = "the groups of groups.csv" if grouped else "video, since there is no groups.csv"
    return f"Divided {division.text()} by {by}: {'; '.join(parts)}."
