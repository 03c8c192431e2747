"""Searching the frames of a video's clips for faces: who is where in which clip."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from fdd.video.faces import OTHER_SIDES, SMALLEST_FACE, USUAL_SIDE, Face, detect_faces
from fdd.video.people import Sighting, Tracker, look

_DETECTIONS_PER_CLIP = 4
_MOST_PIXELS = 400e6  # Of all images of a video that are searched at a larger size than usual.
_SCOUTED_FRAMES = 8
_MOST_MOTION = 1.0  # In sides of a face, within a clip.

NO_FACE = "no face found in the clip"
TOO_QUICK = "the head moves by more than its own size within the clip"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where somebody is in a clip.

    Attributes:
        person: The person's number, from 0.
        face: Around all of the person's faces in the clip; None for the full frame.
        seen: Indices of those of the searched frames in which the face was found.
    """

    person: int
    face: Face | None
    seen: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Effort:
    """How hard faces are searched for.

    Attributes:
        longest_side: Of the images that are searched, in pixels.
        detections: How many frames of a clip are searched.
    """

    longest_side: int = USUAL_SIDE
    detections: int = _DETECTIONS_PER_CLIP


class Search:
    """One search through the clips of a video, in order.

    Attributes:
        effort: How hard.
        searched: How many faces were found in each frame that was searched, by its index.
        tracker: Who they are.
        too_quick: (person, clip) where a person moves too far for one crop.
    """

    def __init__(self, effort: Effort):
        self.effort = effort
        self.searched: dict[int, int] = {}
        self.tracker = Tracker()
        self.too_quick: set[tuple[int, int]] = set()

    def clip(
        self,
        number: int,
        frames: Sequence[np.ndarray],
        indices: Sequence[int],
        seconds: Sequence[float],
    ) -> list[Place]:
        """Finds the people who are seen in at least half of the frames that are searched.

        A clip has one crop for all of its frames, so that what moves in it has moved in the video.
        Around a head that moves by more than its own size the crop would show mostly what is not
        the head, which no detector was trained on: such a clip is left out, and `too_quick` says
        so.

        Args:
            number: Which clip it is.
            frames: Its frames, uint8 [height, width, 3], RGB.
            indices: Of these frames in the video.
            seconds: Their times.
        """
        spread = np.linspace(0, len(frames) - 1, min(self.effort.detections, len(frames)))
        if len(spread) == 1:
            spread = [(len(frames) - 1) // 2]
        people: dict[int, list[Sighting]] = {}
        for position in map(round, spread):
            found = detect_faces(frames[position], self.effort.longest_side)
            self.searched[indices[position]] = len(found)
            sightings = [
                Sighting(indices[position], seconds[position], face, look(frames[position], face))
                for face in found
            ]
            for person, sighting in zip(self.tracker.add(sightings), sightings, strict=True):
                people.setdefault(person, []).append(sighting)
        places = []
        for person, seen in people.items():
            if 2 * len(seen) < len(spread):
                continue
            if _motion(seen) > _MOST_MOTION:
                self.too_quick.add((person, number))
            else:
                places.append(
                    Place(person, _around(seen), tuple(sighting.frame for sighting in seen))
                )
        return places

    def reason(self, person: int, number: int) -> str:
        """Why a person has no clip of that number."""
        return TOO_QUICK if (person, number) in self.too_quick else NO_FACE

    def lack(self, num_clips: int, height: int, width: int) -> str:
        """Says why there is no clip with a face at all.

        Args:
            num_clips: How many clips were searched.
            height: Of a frame in pixels.
            width: Of a frame in pixels.
        """
        found = sum(map(bool, self.searched.values()))
        seen = f"a face in {found} of {len(self.searched)} searched frames"
        if self.too_quick:
            return f"{seen}, but in every clip with one {TOO_QUICK.replace(' within the clip', '')}"
        if found:
            return f"{seen}, but in no clip in at least half of them"
        return (
            f"no face found in any of {num_clips} clips; faces of less than about "
            f"{smallest_found(height, width)} pixels, and heads that are not upright, are not found"
        )


def _around(seen: Sequence[Sighting]) -> Face:
    boxes = np.array([sighting.face.box for sighting in seen])
    union = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
    score = float(np.mean([sighting.face.score for sighting in seen]))
    return Face(tuple(float(value) for value in union), score)


def _motion(seen: Sequence[Sighting]) -> float:
    """How far a head gets, in sides of its face: the longer side of the middles' range."""
    middles = np.array([sighting.middle for sighting in seen])
    boxes = np.array([sighting.face.box for sighting in seen])
    side = float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)))
    return float(np.ptp(middles, axis=0).max()) / max(side, 1.0)


def scout(frames: Sequence[np.ndarray], num_clips: int) -> Effort | None:
    """How to search a video in which nothing was found at the usual size.

    Args:
        frames: Some of its frames, of one size.
        num_clips: How many clips are to be searched.

    Returns:
        The first size at which at least half of these frames show a face, or else the one at which
        most do; with fewer frames per clip where they are large. None where none does.
    """
    height, width = frames[0].shape[:2]
    longest = max(height, width)
    smaller = [side for side in OTHER_SIDES if side < longest]
    larger = [longest] if USUAL_SIDE < longest < max(OTHER_SIDES) else []
    best, most = None, 0
    for side in sorted({*smaller, *larger}):
        shown = sum(bool(detect_faces(frame, side)) for frame in frames)
        if shown > most:
            best, most = side, shown
        if 2 * shown >= len(frames):
            break
    if best is None:
        return None
    pixels = height * width * min(1.0, best / longest) ** 2
    detections = int(_MOST_PIXELS / pixels / max(1, num_clips))
    return Effort(best, min(_DETECTIONS_PER_CLIP, max(1, detections)))


def scouted(clips: Mapping[int, Sequence[int]]) -> list[int]:
    """Indices of the frames to show to `scout`: the middles of clips all over the video."""
    middles = [clip[len(clip) // 2] for clip in clips.values()]
    spread = np.linspace(0, len(middles) - 1, min(_SCOUTED_FRAMES, len(middles)))
    return sorted({middles[round(position)] for position in spread})


def smallest_found(height: int, width: int) -> int:
    """Pixels of the smallest face that some search of a frame of that size would find."""
    longest = max(height, width)
    return int(np.ceil(SMALLEST_FACE * longest / min(longest, max(OTHER_SIDES))))


def doubts(search: Search, people: Sequence[int]) -> list[str]:
    """What is uncertain about who is who, in sentences.

    Args:
        search: A search that is over.
        people: The people's numbers in it, in the order in which the reader counts them from 1.
    """
    places = {person: place for place, person in enumerate(people, 1)}

    def named(group: Sequence[int]) -> str:
        *others, last = sorted(places[person] for person in group)
        return f"people {', '.join(map(str, others))} and {last}"

    return [
        *(
            f"{named(group)} are never seen together and look alike: they may be one, who moved "
            "far or came back"
            for group in search.tracker.perhaps_one(people)
        ),
        *(
            f"{named(pair)} come close to each other: which is which may be mixed up"
            for pair in search.tracker.crossed(people)
        ),
    ]
