"""Families: videos that differ in nothing but the forgery, and the clips that all of them can have.

A fake often has another number of frames than its original, but its frame i shows the same scene as
the original's frame i. So the clips of a family are cut from frames, by number, that all of its
videos have. Otherwise the times or the number of the clips would tell real from fake.
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
    """A video's frames are not those that it declared; the whole family must be cut again."""


class Family:
    """The videos of one family, and where their clips are.

    Attributes:
        plan: The clips, with the frames' positions (`VideoInfo.position`) instead of indices.
    """

    def __init__(self, paths: Sequence[Path], spec: Preprocessing):
        """Reads the videos' frame times; only damaged videos are decoded for it.

        Args:
            paths: The videos, the original first. One that cannot be read has no influence, and
                `info` raises the reason.
            spec: How clips are cut.
        """
        self._spec = spec
        self._infos: dict[str, VideoInfo] = {}
        self._failures: dict[str, Exception] = {}
        for path in paths:
            try:
                with _opened(path):
                    self._infos[os.fspath(path)] = decode.probe(path)
            except Exception as error:  # Of any kind; it is raised when this video is cut.
                self._failures[os.fspath(path)] = error
        self.plan = self._place()

    def info(self, path: Path) -> VideoInfo:
        """The frame times and the state of a video.

        Raises:
            Exception: it could not be read; it is not read again, since the family's clips were
                placed without it.
        """
        if failure := self._failures.get(os.fspath(path)):
            raise failure
        return self._infos.get(os.fspath(path)) or decode.probe(path)

    def plan_of(self, info: VideoInfo) -> Plan | None:
        """The family's clips in a video's own indices; None if it lacks a frame of them."""
        indices = info.indices()
        if not self.plan.clips or not indices.keys() >= set().union(*self.plan.clips.values()):
            return None
        clips = {
            number: tuple(indices[position] for position in clip)
            for number, clip in self.plan.clips.items()
        }
        return dataclasses.replace(self.plan, clips=clips)

    def learn(self, path: Path, info: VideoInfo) -> None:
        """Replaces what is known of a video by the result of `decode.survey`.

        Raises:
            FamilyChangedError: the family's clips have changed with it.
        """
        before = self.plan
        self._infos[os.fspath(path)] = info
        self.plan = self._place()
        if self.plan != before:
            raise FamilyChangedError

    def _place(self) -> Plan:
        """Places clips on the frames that all videos have, at the times of the first video.

        A video that is too short for any clip is ignored.
        """
        plan, seconds = Plan(clips={}, missing={}), {}
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
                plan, seconds = Plan(clips=clips, missing=placed.missing, step=placed.step), common
        return plan


def _opened(path: Path) -> contextlib.AbstractContextManager[object]:
    return contextlib.nullcontext() if stored.is_stored(path) else pipes.open_regular(path)


def cut_together(paths: Sequence[Path], spec: Preprocessing, cut: Callable[[Family], Done]) -> Done:
    """Calls a function with a family; again if a video's frames turn out to be different.

    Args:
        paths: See `Family`.
        spec: See `Family`.
        cut: The function.
    """
    family = Family(paths, spec)
    while True:  # It ends, since each video is surveyed at most once.
        try:
            return cut(family)
        except FamilyChangedError:
            continue
