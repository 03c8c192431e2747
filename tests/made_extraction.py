"""Clips of people who are not there: what a prediction needs of a video besides its logits."""

import fractions
from collections.abc import Mapping, Sequence

from fdd.video.decode import VideoInfo
from fdd.video.extraction import Clip, Extraction
from fdd.video.faces import Face


def extraction(
    people: Sequence[Sequence[float]], num_clips: int = 4, searched: Mapping[int, int] | None = None
) -> Extraction:
    """A video with as many clips of each person as there are logits."""

    def clip(index):
        indices = tuple(range(10 * index, 10 * index + 10))
        seconds = tuple(i / 25 for i in indices)
        face = Face(box=(1.0, 2.0, 3.0, 4.0), score=0.9)
        return Clip(
            index=index,
            frames=(b"",) * 10,
            frame_indices=indices,
            seconds=seconds,
            face=face,
            crop=(0.0, 0.0, 5.0, 5.0),
            seen=indices[::3],
        )

    info = VideoInfo(
        stamps=tuple(range(40)),
        time_base=fractions.Fraction(1, 25),
        stamped=True,
        fps=25.0,
        height=90,
        width=160,
    )
    clips = tuple(tuple(clip(index) for index in range(len(logits))) for logits in people)
    return Extraction(
        info=info,
        frame_size=(90, 160),
        people=clips,
        missing={},
        searched=searched or {},
        num_clips=num_clips,
    )
