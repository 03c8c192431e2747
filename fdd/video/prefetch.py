"""Cutting the next videos into clips while the detector classifies the present one."""

import collections
import concurrent.futures
import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator

from fdd.errors import first_line
from fdd.system import cores
from fdd.video.clips import extract_clips
from fdd.video.decode import VideoError
from fdd.video.extraction import Extraction
from fdd.video.preprocessing import Preprocessing

_MOST_THREADS = 4
NO_MEMORY = "there is not enough memory to cut it into clips: end other programs that use memory"


def extract(path: str | os.PathLike[str], spec: Preprocessing) -> Extraction | VideoError:
    """Cuts a video into clips; whatever is wrong with the file is returned, not raised."""
    try:
        return extract_clips(path, spec)
    except VideoError as error:
        return error
    except MemoryError:
        return VideoError(NO_MEMORY)
    except Exception as error:  # One hostile file must not end a call for many files.
        return VideoError(f"{type(error).__name__}: {first_line(error)}")


class ClipPrefetcher:
    """Iterates over what `extract` returns for each video, in order, and works a few videos ahead.

    Threads start with the first videos at once. Only the clips' JPEG images are held.
    """

    def __init__(self, paths: Iterable[str], spec: Preprocessing):
        """Starts to cut the first videos.

        Args:
            paths: The files.
            spec: How they are cut.
        """
        threads = min(_MOST_THREADS, cores.usable())
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, "fdd-video")
        self._paths, self._spec = iter(paths), spec
        self._waiting: collections.deque = collections.deque()
        self._start(threads + 1)

    def _start(self, count: int) -> None:
        for path in itertools.islice(self._paths, count):
            self._waiting.append((path, self._pool.submit(extract, path, self._spec)))

    def close(self) -> None:
        """Drops the videos that no thread has started on."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[str, Extraction | VideoError]]:
        """Yields (path, what `extract` returned)."""
        with contextlib.closing(self):
            while self._waiting:
                path, job = self._waiting.popleft()
                result = job.result()
                self._start(1)
                yield path, result
