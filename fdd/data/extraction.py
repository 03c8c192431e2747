"""Cutting many videos into clips on all cores; finished work survives a kill."""

import concurrent.futures
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator, Sequence

import tqdm

from fdd.data import results_file
from fdd.data.catalog import Video, families
from fdd.data.coverage import Outcome
from fdd.errors import OutOfMemory, UserError, shown
from fdd.system import cores, workers
from fdd.video import landmarks, pipes, stored
from fdd.video.clips import extract_clips
from fdd.video.decode import VideoError
from fdd.video.extraction import TYPES, Extraction
from fdd.video.family import Family, FamilyChangedError, cut_together
from fdd.video.preprocessing import Preprocessing

_BYTES_PER_PROCESS = 10**6  # A process takes a second to start, in which another cuts as much.
_WITH_LESS_MEMORY = (
    "end other programs that use memory, or give the command fewer cores (taskset), since each "
    "cuts a video; run it again, finished work is kept"
)


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of one video.

    Attributes:
        video: The video.
        extraction: Its clips; None if there are none.
        error: Why there are none.
        file_sha256: SHA-256 of the file in hexadecimal digits; '' if it could not be read.
        file_bytes: The file's size; 0 if it could not be read.
    """

    video: Video
    extraction: Extraction | None
    error: str
    file_sha256: str
    file_bytes: int = 0  # Results of interrupted builds of older versions lack it.

    @property
    def outcome(self) -> Outcome:
        """The result without the clips."""
        if self.extraction is None:
            return Outcome(video=self.video, num_clips=0, missing={}, error=self.error)
        found, condition = self.extraction, self.extraction.info.condition
        notes = list(condition.clauses())
        if found.unshared:
            notes.append(f"its faces are not taken from its original: {found.unshared}")
        if found.unmasked:
            notes.append(f"its largest person was taken, the mask says nothing: {found.unmasked}")
        if found.mask_lack:
            notes.append(
                f"by its mask one of several people was taken, but {found.mask_lack}, and the "
                "nearest ones were used"
            )
        notes.extend(found.doubts)
        return Outcome(
            video=self.video, num_clips=len(found.people[0]), missing=found.missing, error="",
            notes="; ".join(notes), damaged=condition.damaged, unshared=bool(found.unshared),
        )  # fmt: skip


_TYPES = (Result, Video, *TYPES)


def extract_group(
    videos: Sequence[Video], spec: Preprocessing, family: Sequence[Video] = ()
) -> list[Result]:
    """Extracts the clips of the videos of one scene.

    Args:
        videos: The videos; all after the first that gives clips use the faces of that one
            (`fdd.video.clips.extract_clips`).
        spec: How clips are cut.
        family: All videos of the scene that exist, the real one first: clips are cut from frames
            that all of them have (`fdd.video.family`). By default `videos`.

    Returns:
        A result per video, in order, with the clips of the video's first person only.

    Raises:
        OutOfMemory: there is not enough memory.
    """
    paths = [video.path for video in family or videos]
    return cut_together(paths, spec, functools.partial(_extract_all, videos, spec))


def _extract_all(videos: Sequence[Video], spec: Preprocessing, family: Family) -> list[Result]:
    reference, results = None, []
    for video in videos:
        extraction, error, digest, size = None, "", "", 0
        try:
            digest, size = _digest(video.path)
            extraction = extract_clips(video.path, spec, reference, video.mask, family=family)
            reference = reference or extraction
            extraction = dataclasses.replace(extraction, people=extraction.people[:1])
        except FamilyChangedError:
            raise
        except MemoryError:  # Not the file's fault: the data set must not lack it for that.
            lack = f"there is not enough memory to cut {shown(video.path)} into clips"
            raise OutOfMemory(f"{lack}: {_WITH_LESS_MEMORY}") from None
        except VideoError as failure:
            said = failure.condition.clauses() if failure.condition else ()
            error = "; ".join([str(failure), *said])
        except Exception as failure:  # One bad file must not end a long build; it is listed.
            error = f"{type(failure).__name__}: {' '.join(str(failure).split())}"
        results.append(
            Result(
                video=video, extraction=extraction, error=error, file_sha256=digest, file_bytes=size
            )
        )
    return results


def _bytes(group: Sequence[Video]) -> int:
    """How much there is to cut; a folder of frames counts as a video of some size."""
    files = [video.path for video in group if os.path.isfile(video.path)]
    folders = len(group) - len(files)
    return sum(map(os.path.getsize, files)) + folders * _BYTES_PER_PROCESS


def _digest(path: str) -> tuple[str, int]:
    """SHA-256 of a video and its size in bytes."""
    if stored.is_stored(path):
        return stored.digest(path)
    with pipes.open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, os.fstat(file.fileno()).st_size


class Workspace:
    """A folder with one file of results for each finished group of videos."""

    def __init__(self, folder: pathlib.Path, spec: Preprocessing, held: Sequence[Video] = ()):
        """Creates nothing on disk yet.

        Args:
            folder: The folder.
            spec: How clips are cut.
            held: All videos of the data set, including those that are not cut: they influence
                where clips are placed.
        """
        self._folder = folder / spec.fingerprint()
        self._spec = spec
        self._held = held

    def run(self, videos: Sequence[Video], num_processes: int | None = None) -> None:
        """Cuts the videos that have no results yet, with a progress bar.

        Args:
            videos: All videos of the data set.
            num_processes: Maximum number of processes; by default one per core.

        Raises:
            UserError: a process was killed, by the system or by a file that crashes the decoder,
                or there is not enough memory.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        groups = [each for each in self._families(videos) if not self._file(*each).exists()]
        if not groups:
            return
        enough = 1 + sum(_bytes(group) for group, _ in groups) // _BYTES_PER_PROCESS
        processes = min(num_processes or cores.usable(), len(groups), enough)
        total = sum(len(group) for group, _ in groups)
        bar = tqdm.tqdm(
            total=len(videos), initial=len(videos) - total, desc="Cutting clips", unit="video"
        )
        try:
            with bar, workers.pool(processes) as pool:
                with workers.shielded():
                    jobs = {pool.submit(self._extract_to_file, *each): each[0] for each in groups}
                for job in concurrent.futures.as_completed(jobs):
                    job.result()
                    bar.update(len(jobs[job]))
        except concurrent.futures.process.BrokenProcessPool:
            killed = "a process that cuts videos was killed, perhaps because memory ran out"
            raise UserError(f"{killed}: {_WITH_LESS_MEMORY}") from None

    def results(self, videos: Sequence[Video]) -> Iterator[Result]:
        """Yields the result of each video, in an order that depends on the videos alone."""
        for each in self._families(videos):
            yield from results_file.read(self._file(*each), _TYPES)

    def clear(self, videos: Sequence[Video]) -> None:
        """Deletes the results of these videos, and partial files that a kill left."""
        for each in self._families(videos):
            for file in self._folder.glob(f"{self._file(*each).name}*"):
                file.unlink()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _families(self, videos: Sequence[Video]) -> list[tuple[tuple[Video, ...], ...]]:
        return families(videos, self._held)

    def _extract_to_file(self, group: Sequence[Video], family: Sequence[Video]) -> None:
        file = self._file(group, family)
        partial = file.with_name(f"{file.name}.{os.getpid()}")
        results_file.write(partial, extract_group(group, self._spec, family))
        partial.replace(file)

    def _file(self, group: Sequence[Video], family: Sequence[Video]) -> pathlib.Path:
        """The group's file; its name changes when a video is replaced, added or removed.

        It also changes with how landmarks are found, which the fingerprint does not cover.
        """
        videos: list[object] = [len(group), landmarks.VERSION]
        for video in (*group, *family):
            try:
                stat = os.stat(video.path)
                version: list[object] = [stat.st_size, stat.st_mtime_ns]
                if stored.is_stored(video.path):
                    version = stored.version(video.path)
            except (OSError, VideoError):  # Such as a dangling link; extraction will report it.
                version = []
            videos.append([dataclasses.astuple(video), version])
        digest = hashlib.sha256(json.dumps(videos).encode()).hexdigest()[:32]
        return self._folder / f"{digest}.pickle"
