"""Decoding visitors' videos in a process that can be stopped.

A decoder cannot be interrupted within a process, and a malicious file may crash it or use all
memory. A process of its own can be killed, and the server goes on. A file may even take control of
the process, so its results are read without running anything (`fdd.system.plain_pickle`).
"""

import functools
import multiprocessing
import multiprocessing.connection
import pathlib
import pickle
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from fdd.system import plain_pickle, process_memory, workers
from fdd.video import decode, extraction
from fdd.video.clips import extract_clips
from fdd.video.decode import VideoError, VideoInfo
from fdd.video.extraction import Extraction
from fdd.video.preprocessing import Preprocessing
from fdd.webpage.limits import Limits, RejectedError

_MOST_MEMORY = 4 * 2**30  # Address space in bytes.
_START_TIMEOUT = 120.0
_TAKE_TIMEOUT = 30.0
_STARTS = 3
_MOST_ANSWER = 2**29  # Bytes.
_TYPES = (
    *extraction.TYPES,
    *(RejectedError, VideoError, decode.DamagedError, decode.IncompleteError, decode.MisreadError),
    *(extraction.TooShortError, extraction.TooSlowError, extraction.NoFaceError),
)


class Worker:
    """A process that reads videos, one at a time; it is restarted whenever it dies."""

    def __init__(self, spec: Preprocessing, limits: Limits):
        """Starts the process.

        Args:
            spec: How videos are cut into clips.
            limits: The limits of videos.
        """
        self._spec, self._limits = spec, limits
        self._context = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()
        self._is_closed = False
        self._start()

    def cut(self, path: pathlib.Path, deadline: float) -> Extraction | VideoError:
        """Cuts a video into clips.

        Args:
            path: The file.
            deadline: On the clock of `time.monotonic`.

        Returns:
            The clips, or what is wrong with the file.

        Raises:
            RejectedError: a limit is exceeded.
        """
        types = (Extraction, VideoError)
        return self._call(types, deadline, _cut, path, self._spec, self._limits)

    def frames(
        self, path: pathlib.Path, info: VideoInfo, indices: Sequence[int], deadline: float
    ) -> dict[int, np.ndarray]:
        """Reads whole frames; returns none if that fails.

        Args:
            path: The file.
            info: The video's info from `cut`.
            indices: The frames' indices.
            deadline: As for `cut`.

        Returns:
            Frames by index, uint8 [height, width, 3], RGB.

        Raises:
            RejectedError: it takes too long.
        """
        coded = self._call((dict, VideoError), deadline, _frames, path, info, indices)
        if isinstance(coded, VideoError):
            return {}
        return {
            index: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
            for index, data in coded.items()
        }

    def close(self) -> None:
        """Ends the process finally; callers that wait for it get an error."""
        self._is_closed = True
        while not self._lock.acquire(timeout=0.1):
            self._process.kill()  # Callers that wait for it notice its end.
        self._end()
        self._lock.release()

    def _call(
        self,
        types: tuple[type, ...],
        deadline: float,
        function: Callable[..., Any],
        *arguments: Any,
    ) -> Any:
        with self._lock:
            deadline += self._hand_over((function, arguments))
            try:
                result = self._receive(deadline)
                if not isinstance(result, (*types, RejectedError)):
                    raise TypeError(f"an answer is a {type(result).__name__}")
            except TimeoutError:
                self._restart()
                raise RejectedError(self._limits.too_slow()) from None
            except Exception:  # It died, or a malicious video has made it send something else.
                self._restart()
                return VideoError("it makes the decoder fail")
        if isinstance(result, RejectedError):
            raise result
        return result

    def _hand_over(self, job: tuple[Callable[..., Any], tuple[Any, ...]]) -> float:
        """Sends a job to the process; a process that died before is replaced.

        Returns:
            The seconds that this took; they are not charged to the video.

        Raises:
            RejectedError: no process accepts it.
        """
        began = time.monotonic()
        for _ in range(_STARTS):
            try:
                if not self._is_ready:
                    self._receive(time.monotonic() + _START_TIMEOUT)
                    self._is_ready = True
                self._connection.send(job)
                self._receive(time.monotonic() + _TAKE_TIMEOUT)
                return time.monotonic() - began
            except Exception:
                self._restart()
        raise RejectedError("The server cannot read videos at present. Please try again later.")

    def _receive(self, deadline: float) -> Any:
        if not self._connection.poll(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        return plain_pickle.loads(self._connection.recv_bytes(_MOST_ANSWER), _TYPES)

    def _start(self) -> None:
        self._connection, other = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(other,), name="fdd-video", daemon=True)
        with workers.shielded():  # The server ends it.
            process.start()
        self._process = process
        other.close()
        self._is_ready = False

    def _end(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _restart(self) -> None:
        self._end()
        if self._is_closed:
            raise RejectedError("The server is being stopped; the video was deleted.")
        self._start()


def _serve(connection: multiprocessing.connection.Connection) -> None:
    workers.leave_signals_to_parent()
    if not process_memory.confine(_MOST_MEMORY):
        print(
            "fdd: this system limits no process' memory, so a video that was made for it can take "
            "all there is: let only people that you trust send videos",
            file=sys.stderr,
        )
    try:
        _answer(connection, "ready")
        while True:
            function, arguments = connection.recv()
            _answer(connection, "taken")
            _answer(connection, function(*arguments))
    except (EOFError, OSError):
        pass  # The server is gone.
    except MemoryError:
        pass  # It was packing an answer; the server notices the end of this process.


def _answer(connection: multiprocessing.connection.Connection, content: Any) -> None:
    connection.send_bytes(pickle.dumps(content))


def _cut(
    path: pathlib.Path, spec: Preprocessing, limits: Limits
) -> Extraction | VideoError | RejectedError:
    try:
        limits.check(decode.header(path))
        # A header may declare a wrong duration.
        return extract_clips(path, spec, check=functools.partial(_check_duration, limits))
    except (VideoError, RejectedError) as error:
        return error
    except MemoryError:
        return VideoError(
            "it takes more memory than the server gives to a video: a smaller or shorter one may "
            "work"
        )
    except Exception as error:  # No failure of a decoder may end the loop.
        return VideoError(type(error).__name__)


def _check_duration(limits: Limits, info: VideoInfo) -> None:
    if info.num_frames:
        limits.check_duration(info.seconds(info.num_frames - 1))


def _frames(
    path: pathlib.Path, info: VideoInfo, indices: Sequence[int]
) -> dict[int, bytes] | VideoError:
    try:
        return {
            index: cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1].tobytes()
            for index, frame in decode.read_frames(path, info, indices)
        }
    except Exception as error:
        return VideoError(type(error).__name__)
