"""Cutting many videos into clips, on all cores, so that finished work survives a kill."""

import concurrent.futures
import dataclasses
import hashlib
import json
import multiprocessing
import os
import pathlib
import pickle
from collections.abc import Iterator, Sequence

import tqdm

from fdd.data.catalog import Video, by_target
from fdd.video.clips import Extraction, Preprocessing, extract_clips
from fdd.video.decode import VideoError


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of a video: an `Extraction` or, where nothing could be had, the reason."""

    video: Video
    extraction: Extraction | None
    error: str = ""


def extract_group(videos: Sequence[Video], spec: Preprocessing) -> list[Result]:
    """Extracts the clips of the videos that show one target.

    Args:
        videos: The videos; those after the first that works take its faces
            (`fdd.video.clips.extract_clips`).
        spec: How.

    Returns:
        A result per video, in order, with the clips of the video's first person only.
    """
    reference, results = None, []
    for video in videos:
        try:
            extraction = extract_clips(video.path, spec, reference)
        except VideoError as error:
            results.append(Result(video, None, str(error)))
            continue
        reference = reference or extraction
        first = dataclasses.replace(extraction, people=extraction.people[:1])
        results.append(Result(video, first))
    return results


class Workspace:
    """A folder with one file of results for each finished group of videos."""

    def __init__(self, folder: pathlib.Path, spec: Preprocessing):
        self._folder = folder / spec.fingerprint()
        self._spec = spec

    def run(self, videos: Sequence[Video], num_processes: int | None = None) -> None:
        """Extracts what is not there yet, with a progress bar.

        Args:
            videos: All videos of the data set.
            num_processes: At most so many at a time; all cores by default.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        groups = [group for group in by_target(videos) if not self._file(group).exists()]
        if not groups:
            return
        processes = min(num_processes or len(os.sched_getaffinity(0)), len(groups))
        bar = tqdm.tqdm(total=sum(map(len, groups)), desc="Cutting clips", unit="video")
        # Spawned, since forking a process with JAX or TensorFlow threads can lock up.
        context = multiprocessing.get_context("spawn")
        with bar, concurrent.futures.ProcessPoolExecutor(processes, context) as pool:
            jobs = {pool.submit(self._extract_to_file, group): group for group in groups}
            for job in concurrent.futures.as_completed(jobs):
                job.result()
                bar.update(len(jobs[job]))

    def results(self, videos: Sequence[Video]) -> Iterator[Result]:
        """Yields the result of each video, in an order that depends on the videos alone."""
        for group in by_target(videos):
            yield from pickle.loads(self._file(group).read_bytes())

    def clear(self, videos: Sequence[Video]) -> None:
        """Deletes the results of these videos."""
        for group in by_target(videos):
            self._file(group).unlink(missing_ok=True)
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _extract_to_file(self, group: Sequence[Video]) -> None:
        results = extract_group(group, self._spec)
        file = self._file(group)
        partial = file.with_name(f"{file.name}.{os.getpid()}")
        partial.write_bytes(pickle.dumps(results))
        partial.replace(file)

    def _file(self, group: Sequence[Video]) -> pathlib.Path:
        """The group's file; another one when a video was replaced, added or taken away."""
        videos = []
        for video in group:
            stat = os.stat(video.path)
            videos.append([dataclasses.astuple(video), stat.st_size, stat.st_mtime_ns])
        digest = hashlib.sha256(json.dumps(videos).encode()).hexdigest()[:16]
        return self._folder / f"{group[0].target}-{digest}.pickle"
