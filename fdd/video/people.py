"""Following people through a video's clips."""

from collections.abc import Sequence

import numpy as np

from fdd.video.faces import Face, detect_faces, overlap

_DETECTIONS_PER_CLIP = 4
_SAME_FACE_OVERLAP = 0.2


def faces_of_clip(
    frames: Sequence[np.ndarray], indices: Sequence[int]
) -> tuple[list[tuple[Face, tuple[int, ...]]], dict[int, int]]:
    """The people who are seen in at least half of the frames that are searched.

    Returns:
        Of each of them one face for the whole clip and the indices of the frames it was found in;
        and how many faces each frame that was searched holds, by the frame's index.
    """
    spread = np.linspace(0, len(frames) - 1, min(_DETECTIONS_PER_CLIP, len(frames)))
    positions = [round(position) for position in spread]
    found = [detect_faces(frames[position]) for position in positions]
    steady = []
    for person in follow(found):
        seen = [(indices[p], face) for p, face in zip(positions, person, strict=True) if face]
        if 2 * len(seen) >= len(person):
            boxes = np.array([face.box for _, face in seen])
            union = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
            box = tuple(float(value) for value in union)
            score = float(np.mean([face.score for _, face in seen]))
            steady.append((Face(box, score), tuple(index for index, _ in seen)))
    return steady, {indices[p]: len(each) for p, each in zip(positions, found, strict=True)}


def follow(images: Sequence[list[Face]]) -> list[list[Face | None]]:
    """Links the faces of successive images to people, by the overlap of their boxes.

    Args:
        images: The faces found in each image.

    Returns:
        One list per person, with that person's face in each image, or None where it was not
        found; the person with the largest total area comes first.
    """
    people: list[list[Face | None]] = []
    for position, faces in enumerate(images):
        remaining = list(faces)
        for person in people:
            latest = next(face for face in reversed(person) if face is not None)
            best = max(remaining, key=lambda face: overlap(face.box, latest.box), default=None)
            if best is not None and overlap(best.box, latest.box) >= _SAME_FACE_OVERLAP:
                remaining.remove(best)
                person.append(best)
            else:
                person.append(None)
        people.extend([None] * position + [face] for face in remaining)
    return sorted(people, key=lambda person: -sum(face.area for face in person if face))
