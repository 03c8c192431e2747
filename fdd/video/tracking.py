"""Following people through the frames of a video that are searched for faces.

A face is assigned to a person by its position: it must be near the person's last position, or near
where the person's motion leads within half a second. After a quick motion the face must also look
alike. A face at a person's position that looks altogether different, as after a cut, is another
person. All faces of a frame are assigned at once, so two people side by side are not exchanged.
Looks alone never join two people: colours say too little. Remaining doubts are in `Tracker.doubts`.
"""

import collections
import dataclasses
import itertools
import math
from collections.abc import Collection, Sequence

import cv2
import numpy as np

from fdd.video.faces import Face, overlap

_SAME_PLACE_OVERLAP = 0.2
_SAME_PLACE = 0.7  # Distance of two middles, in sides of a face.
_QUICKEST = 8.0  # Sides of a face per second.
_MOTION_LASTS = 0.5  # Seconds.
_ALIKE, _PERHAPS_ALIKE, _DIFFERENT = 0.35, 0.5, 0.6  # Distances between looks, 0 to 1.
_ZOOM = math.log(1.6)
_UNSURE = 0.3  # If two costs differ by less, either assignment may be right.
_NEVER = 1e6


@dataclasses.dataclass(frozen=True)
class Sighting:
    """A face in a searched frame.

    Attributes:
        frame: The frame's index.
        seconds: The frame's time.
        face: Where it is.
        look: Its colours; see `look`.
    """

    frame: int
    seconds: float
    face: Face
    look: np.ndarray = dataclasses.field(repr=False, compare=False)

    @property
    def middle(self) -> np.ndarray:
        """Middle of the face's box, float64 [2]: x and y in pixels."""
        x0, y0, x1, y1 = self.face.box
        return np.array([(x0 + x1) / 2, (y0 + y1) / 2])


def look(image: np.ndarray, face: Face) -> np.ndarray:
    """A face's colours, independent of the light: a histogram of chroma and relative lightness.

    Args:
        image: uint8 [height, width, 3], RGB.
        face: Where it is.

    Returns:
        float32 [13 * 13 * 6]: non-negative, with sum 1.
    """
    height, width = image.shape[:2]
    x0, y0 = (max(0, math.floor(value)) for value in face.box[:2])
    x1, y1 = min(width, math.ceil(face.box[2])), min(height, math.ceil(face.box[3]))
    if x1 <= x0 or y1 <= y0:
        return np.full(13 * 13 * 6, 1 / (13 * 13 * 6), np.float32)
    small = cv2.resize(image[y0:y1, x0:x1], (32, 32), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32).reshape(-1, 3)
    chroma = (lab[:, 1:] - 128) / np.maximum(lab[:, :1], 30) * 100
    lightness = lab[:, :1] / max(float(lab[:, 0].mean()), 1.0)
    edges = [np.linspace(-40, 60, 14)] * 2 + [np.array([0, 0.4, 0.7, 0.9, 1.1, 1.4, 9])]
    values = np.clip(np.concatenate([chroma, lightness], axis=1), [-40, -40, 0], [60, 60, 9])
    counts = np.histogramdd(values, edges)[0].astype(np.float32)
    counts = cv2.GaussianBlur(counts, (3, 3), 0)
    return (counts / counts.sum()).ravel()


def _unlike(a: np.ndarray, b: np.ndarray) -> float:
    """Hellinger distance of two looks, 0 to 1."""
    return math.sqrt(max(0.0, 1.0 - float(np.sqrt(a * b).sum())))


class Tracker:
    """Everybody seen so far; people are numbered from 0 in the order of appearance."""

    def __init__(self):
        self._people: list[list[Sighting]] = []
        self._crossed: set[frozenset[int]] = set()

    def add(self, sightings: Sequence[Sighting]) -> list[int]:
        """Assigns the faces of one frame to people.

        Args:
            sightings: All faces of a frame, at any time and in any order.

        Returns:
            The person's number for each face.
        """
        numbers = [-1] * len(sightings)
        if sightings and self._people:
            costs = np.array([[_cost(seen, new) for new in sightings] for seen in self._people])
            rows, columns = _assigned(costs)
            pairs = [(r, c) for r, c in zip(rows, columns, strict=True) if costs[r, c] < _NEVER]
            self._note_crossings(costs, pairs)
            for person, column in pairs:
                numbers[column] = int(person)
        for column, new in enumerate(sightings):
            if numbers[column] < 0:
                numbers[column] = len(self._people)
                self._people.append([])
            self._people[numbers[column]].append(new)
        return numbers

    def again(self, more: Sequence[Sighting]) -> tuple["Tracker", dict[int, int]]:
        """Follows everybody again, in order of time, with additional faces.

        Returns:
            The new tracker, and each person's number in it by the number in this one.
        """
        known = [(seen, number) for number, person in enumerate(self._people) for seen in person]
        known += [(seen, -1) for seen in more]
        known.sort(key=lambda pair: pair[0].seconds)
        tracker, votes = Tracker(), [collections.Counter() for _ in self._people]
        for _, group in itertools.groupby(known, key=lambda pair: pair[0].seconds):
            frame = list(group)
            numbers = tracker.add([seen for seen, _ in frame])
            for (_, before), now in zip(frame, numbers, strict=True):
                if before >= 0:
                    votes[before][now] += 1
        return tracker, {before: vote.most_common(1)[0][0] for before, vote in enumerate(votes)}

    def _note_crossings(self, costs: np.ndarray, pairs: Sequence[tuple[int, int]]) -> None:
        for (a, i), (b, j) in itertools.combinations(pairs, 2):
            if costs[a, j] + costs[b, i] < costs[a, i] + costs[b, j] + _UNSURE:
                self._crossed.add(frozenset((int(a), int(b))))

    def crossed(self, among: Collection[int]) -> list[tuple[int, ...]]:
        """Pairs of people who met, and may have been exchanged after that."""
        return sorted(tuple(sorted(pair)) for pair in self._crossed if pair <= set(among))

    def perhaps_one(self, among: Collection[int]) -> list[tuple[int, ...]]:
        """Groups of people who are never seen together and look alike, so that they may be one."""
        groups = [{number} for number in among]
        for a, b in itertools.combinations(among, 2):
            if self._perhaps_one(a, b):
                joined = [group for group in groups if a in group or b in group]
                groups = [group for group in groups if group not in joined]
                groups.append(set().union(*joined))
        return sorted(tuple(sorted(group)) for group in groups if len(group) > 1)

    def _perhaps_one(self, a: int, b: int) -> bool:
        first, second = self._people[a], self._people[b]
        if {seen.frame for seen in first} & {seen.frame for seen in second}:
            return False
        pairs = itertools.product(first, second)
        one, other = min(pairs, key=lambda pair: abs(pair[0].seconds - pair[1].seconds))
        alike = _unlike(one.look, other.look) <= _PERHAPS_ALIKE
        return alike and abs(math.log(_side(one.face) / _side(other.face))) <= 2 * _ZOOM


def _side(face: Face) -> float:
    return max(face.box[2] - face.box[0], face.box[3] - face.box[1], 1.0)


def _assigned(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows and columns of the cheapest assignment."""
    if costs.size == 1:  # As mostly.
        return np.zeros(1, int), np.zeros(1, int)
    # Imported late: it takes a third of a second, which each process that cuts clips would wait.
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(costs)


def _cost(seen: Sequence[Sighting], new: Sighting) -> float:
    """The cost of assigning a face to a person; `_NEVER` if it must be somebody else's."""
    latest = min(reversed(seen), key=lambda sighting: abs(sighting.seconds - new.seconds))
    wait = new.seconds - latest.seconds
    side = math.sqrt(_side(latest.face) * _side(new.face))
    zoom = abs(math.log(_side(new.face) / _side(latest.face)))
    stayed = float(np.linalg.norm(new.middle - latest.middle)) / side
    led = float(np.linalg.norm(new.middle - _expected(seen, latest, wait))) / side
    distance = min(led, stayed + _UNSURE)
    unlike = _unlike(latest.look, new.look)
    shared = overlap(latest.face.box, new.face.box)
    near = distance <= _SAME_PLACE and zoom <= _ZOOM
    quick = (
        abs(wait) <= _MOTION_LASTS
        and distance <= _SAME_PLACE + _QUICKEST * abs(wait)
        and zoom <= _ZOOM
        and unlike <= _ALIKE
    )
    same_place = (near or shared >= _SAME_PLACE_OVERLAP) and unlike <= _DIFFERENT
    return distance + zoom + unlike if same_place or quick else _NEVER


def _expected(seen: Sequence[Sighting], latest: Sighting, wait: float) -> np.ndarray:
    """Where a person's motion leads; the last position if the motion is not known."""
    others = [s for s in seen if 0 < abs(s.seconds - latest.seconds) <= _MOTION_LASTS]
    if not others or abs(wait) > _MOTION_LASTS:
        return latest.middle
    other = min(others, key=lambda sighting: abs(sighting.seconds - latest.seconds))
    speed = (latest.middle - other.middle) / (latest.seconds - other.seconds)
    return latest.middle + speed * wait
