"""Searching the frames of a video's clips for faces: who is where in each clip."""

import bisect
import collections
import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from fdd.video.alignment import refined
from fdd.video.faces import USUAL_SIDE, Face, detect_faces
from fdd.video.landmarks import SMOOTHING, Points, as_points, over_time
from fdd.video.search_effort import Effort, smallest_found
from fdd.video.tracking import Sighting, Tracker, look

_QUICK = 0.5  # Fraction of the allowed motion; above it, a doubt is reported.
_CLOSELY = 0.12  # Seconds between searched frames where people must be told apart.
_MOST_IN_BETWEEN = 300

_NO_FACE = "no face found in the clip"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a person is in a clip.

    Attributes:
        person: The person's number, from 0.
        face: Around all of the person's faces in the clip; None for the full frame.
        seen: Indices of the searched frames in which the face was found.
        landmarks: The face's landmarks in each frame, in pixels of the video's frames; () for
            the full frame.
    """

    person: int
    face: Face | None
    seen: tuple[int, ...] = ()
    landmarks: tuple[Points, ...] = ()


class Search:
    """One search through the clips of a video, in order.

    Attributes:
        effort: How thoroughly faces are searched for.
        searched: How many faces were found in each searched frame, by its index.
        tracker: Follows the people.
        left_out: Why there is no clip although a face was found, by (person, clip).
        quickest: The largest motion in a clip, as a fraction of the allowed motion.
    """

    def __init__(self, effort: Effort, aligns: bool = False, smoothing: float = SMOOTHING):
        """Starts.

        Args:
            effort: How hard.
            aligns: Whether each frame of a clip is cropped by its landmarks, which are then found
                more exactly, and out of which no head moves. Otherwise a clip has one crop.
            smoothing: Of landmarks; see `fdd.video.landmarks.over_time`.
        """
        self.effort = effort
        self._aligns, self._smoothing = aligns, smoothing
        self.searched: dict[int, int] = {}
        self.tracker = Tracker()
        self.left_out: dict[tuple[int, int], str] = {}
        self.quickest = 0.0

    def clip(
        self,
        number: int,
        frames: Sequence[np.ndarray],
        indices: Sequence[int],
        seconds: Sequence[float],
    ) -> list[Place]:
        """Finds the people who are seen in at least half of the searched frames.

        Unless faces are aligned, a clip has one crop for all of its frames, so that motion in the
        clip is motion in the video. If a head moves far, the crop shows mostly something else than
        the head, which no detector was trained on. So a clip with more than `_motion_allowed` is
        left out.

        Args:
            number: Which clip it is.
            frames: Its frames, uint8 [height, width, 3], RGB.
            indices: Indices of these frames in the video.
            seconds: Times of these frames.
        """
        spread = self.effort.positions(seconds)
        people: dict[int, list[Sighting]] = {}
        for position in spread:
            sightings = self._sightings(frames[position], indices[position], seconds[position])
            self.searched[indices[position]] = len(sightings)
            for person, sighting in zip(self.tracker.add(sightings), sightings, strict=True):
                people.setdefault(person, []).append(sighting)
        places = []
        for person, seen in people.items():
            if 2 * len(seen) < len(spread):
                continue
            reason = self._unfit(seen, seconds[-1] - seconds[0])
            if reason:
                self.left_out[person, number] = reason
            else:
                frames_seen = tuple(sighting.frame for sighting in seen)
                places.append(
                    Place(
                        person=person,
                        face=_around(seen),
                        seen=frames_seen,
                        landmarks=self._track(
                            seen, dict(zip(indices, frames, strict=True)), seconds
                        ),
                    )
                )
        return places

    def _track(
        self,
        seen: Sequence[Sighting],
        frames: Mapping[int, np.ndarray],
        seconds: Sequence[float],
    ) -> tuple[Points, ...]:
        """The landmarks of a person in every frame of a clip."""
        found = [each.face.landmarks for each in seen]
        if self._aligns:
            found = [refined(frames[each.frame], each.face.landmarks) for each in seen]
        track = over_time(found, [each.seconds for each in seen], seconds, self._smoothing)
        return as_points(track)

    def _unfit(self, seen: Sequence[Sighting], duration: float) -> str:
        """Why a person's faces make no clip; '' where they do."""
        side, motion = _side_and_motion(seen)
        if side < self.effort.least_face:
            least = self.effort.least_face
            return f"the face is too small: {side:.0f} pixels, where {least:.0f} are needed"
        if self._aligns:
            return ""
        allowed = _motion_allowed(duration)
        if motion > allowed:
            return f"the head moves by more than {allowed:.2g} of its own size within the clip"
        self.quickest = max(self.quickest, motion / allowed)
        return ""

    def _sightings(self, frame: np.ndarray, index: int, seconds: float) -> list[Sighting]:
        found = detect_faces(frame, self.effort.longest_side)
        return [
            Sighting(frame=index, seconds=seconds, face=face, look=look(frame, face))
            for face in found
        ]

    def follow_closely(
        self, frames: Iterable[tuple[int, np.ndarray]], seconds: Sequence[float]
    ) -> dict[int, int]:
        """Follows everybody again with more frames, to tell people who moved from other people.

        Args:
            frames: (index, frame) of the frames in `in_between`.
            seconds: Times of all frames of the video.

        Returns:
            Each person's new number by the old one; two people may have become one.
        """
        more = [
            sighting
            for index, frame in frames
            for sighting in self._sightings(frame, index, seconds[index])
        ]
        self.tracker, numbers = self.tracker.again(more)
        self.left_out = {
            (numbers[person], clip): reason for (person, clip), reason in self.left_out.items()
        }
        return numbers

    def in_between(self, seconds: Sequence[float]) -> list[int]:
        """Indices of more frames between the searched ones; none if there would be too many.

        Args:
            seconds: Times of all frames of the video.
        """
        times = [seconds[index] for index in sorted(self.searched)]
        wanted = [
            time
            for before, after in itertools.pairwise(times)
            for time in np.arange(before + _CLOSELY, after - _CLOSELY / 2, _CLOSELY)
        ]
        indices = {bisect.bisect_left(seconds, time) for time in wanted} - self.searched.keys()
        return sorted(indices) if len(indices) <= _MOST_IN_BETWEEN else []

    def reason(self, person: int, number: int) -> str:
        """Why a person has no clip of that number."""
        return self.left_out.get((person, number), _NO_FACE)

    def lack(self, num_clips: int, height: int, width: int) -> str:
        """Says why there is no clip with a face at all.

        Args:
            num_clips: How many clips were searched.
            height: Of a frame in pixels.
            width: Of a frame in pixels.
        """
        found = sum(map(bool, self.searched.values()))
        seen = f"a face in {found} of {len(self.searched)} searched frames"
        if self.left_out:
            reason, _ = collections.Counter(self.left_out.values()).most_common(1)[0]
            return f"{seen}, but in no clip that can be classified; mostly: {reason}"
        if found:
            return f"{seen}, but in no clip in at least half of its searched frames"
        return (
            f"no face found in any of {num_clips} clips; faces of less than about "
            f"{smallest_found(height, width)} pixels, and heads that are not upright, are not found"
        )


def _around(seen: Sequence[Sighting]) -> Face:
    boxes = np.array([sighting.face.box for sighting in seen])
    union = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
    score = float(np.mean([sighting.face.score for sighting in seen]))
    return Face(box=tuple(float(value) for value in union), score=score)


def _side_and_motion(seen: Sequence[Sighting]) -> tuple[float, float]:
    """A face's longer side in pixels, and how far its middle gets along x or y, in such sides."""
    middles = np.array([sighting.middle for sighting in seen])
    boxes = np.array([sighting.face.box for sighting in seen])
    side = max(1.0, float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1))))
    return side, float(np.ptp(middles, axis=0).max()) / side


def _motion_allowed(duration: float) -> float:
    """How far a head may move within a clip of this duration in seconds, in sides of its face.

    This is half a side in the 0.36 seconds of ten frames; talking heads stay below a quarter. In a
    clip spread over a long video it is two sides; then the crop is three times the face.
    """
    return min(2.0, 0.3 + 0.5 * duration)


def doubts(search: Search, people: Sequence[int]) -> list[str]:
    """What is uncertain about the faces and about which person is which, in sentences.

    Args:
        search: A completed search.
        people: The people's numbers in it, in the order in which the reader counts them from 1.
    """
    places = {person: place for place, person in enumerate(people, 1)}

    def named(group: Sequence[int]) -> str:
        *others, last = sorted(places[person] for person in group)
        return f"people {', '.join(map(str, others))} and {last}"

    quick = (
        "a head moves quickly: the crop of a clip shows less of it than usual, and that alone can "
        "look like a forgery"
    )
    small = (
        "faces were only found in a search at a larger size than usual: they are small, and what "
        "shows a forgery may be lost"
    )
    return [
        *([quick] if search.quickest > _QUICK else []),
        *([small] if search.effort.longest_side > USUAL_SIDE else []),
        *(
            f"{named(group)} are never seen together and look alike: they may be one, who moved "
            "far or left and came back"
            for group in search.tracker.perhaps_one(people)
        ),
        *(
            f"{named(pair)} come close to each other: which is which may be mixed up"
            for pair in search.tracker.crossed(people)
        ),
    ]
