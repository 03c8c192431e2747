"""Videos that differ in nothing but forgery, and the clips that all of them can have.

A fake often has another number of frames than its original, but frame i of it shows the scene of
frame i. So the clips of a family are placed on the frames that all of its videos have, by their
numbers: otherwise the times of clips, or how many there are, would tell real from fake.
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from fdd.video import decode, pipes, stored
from fdd.video.decode import VideoInfo
from fdd.video.preprocessing import Preprocessing
from fdd.video.sampling import Plan

Path = str | os.PathLike[str]
Done = TypeVar("Done")


class FamilyChangedError(Exception):
    """A video turned out to have other frames than it said: the whole family is to be cut anew."""


class Family:
    """What is known of the videos of a family.

    Attributes:
        plan: The clips, with the frames' positions (`VideoInfo.position`) in place of indices.
    """

    def __init__(self, paths: Sequence[Path], spec: Preprocessing):
        """Looks at the videos, without decoding them if they are healthy.

        Args:
            paths: The videos, the original first; one that cannot be read has no say.
            spec: How clips are cut.
        """
        self._spec = spec
        self._infos: dict[str, VideoInfo] = {}
        for path in paths:
            # Whoever cuts it will say what is wrong with it.
            with contextlib.suppress(Exception), _opened(path):
                self._infos[os.fspath(path)] = decode.probe(path)
        self.plan = self._place()

    def info(self, path: Path) -> VideoInfo:
        """What is known of a video.

        Raises:
            VideoError: it cannot be read.
        """
        return self._infos.get(os.fspath(path)) or decode.probe(path)

    def plan_of(self, info: VideoInfo) -> Plan | None:
        """The family's clips in a video's own indices; None if it cannot have them all."""
        indices = info.indices()
        if not self.plan.clips or not indices.keys() >= set().union(*self.plan.clips.values()):
            return None
        clips = {
            number: tuple(indices[position] for position in clip)
            for number, clip in self.plan.clips.items()
        }
        return dataclasses.replace(self.plan, clips=clips)

    def learn(self, path: Path, info: VideoInfo) -> None:
        """Takes in what `decode.survey` said of a video.

        Raises:
            FamilyChangedError: the clips are elsewhere now.
        """
        before = self.plan
        self._infos[os.fspath(path)] = info
        self.plan = self._place()
        if self.plan != before:
            raise FamilyChangedError

    def _place(self) -> Plan:
        """Places clips on the frames that all videos have, at the times they have in the first.

        A video that would leave no room for any clip has no say.
        """
        plan, seconds = Plan({}, {}), {}
        for info in self._infos.values():
            indices = info.indices()
            if plan.clips:
                common = {position: seconds[position] for position in seconds.keys() & indices}
            else:
                common = {position: info.seconds(index) for position, index in indices.items()}
            positions = sorted(common)
            placed = self._spec.plan([common[position] for position in positions])
            if placed.clips:
                clips = {
                    number: tuple(positions[index] for index in clip)
                    for number, clip in placed.clips.items()
                }
                plan, seconds = Plan(clips, placed.missing, placed.step), common
        return plan


def _opened(path: Path) -> contextlib.AbstractContextManager[object]:
    return contextlib.nullcontext() if stored.is_stored(path) else pipes.open_regular(path)


def cut_together(paths: Sequence[Path], spec: Preprocessing, cut: Callable[[Family], Done]) -> Done:
    """Does something with a family, anew where it turns out that its frames are other ones.

    Args:
        paths: As of `Family`, as is the next.
        spec: How clips are cut.
        cut: What to do.
    """
    family = Family(paths, spec)
    while True:  # Each video is surveyed once at most.
        try:
            return cut(family)
        except FamilyChangedError:
            continue
