"""Uploaded files: a limited number at a time, and each of them is deleted."""

import contextlib
import dataclasses
import pathlib
import secrets
import shutil
import threading
from collections.abc import Iterator
from typing import BinaryIO

from fdd.webpage.limits import Limits, RejectedError

_LONGEST_NAME = 80


@dataclasses.dataclass
class Upload:
    """A visitor's file, in a folder of its own and under a name that the server chose.

    Attributes:
        token: A secret of the visitor who uploaded it.
        name: The visitor's name for it; only shown.
        path: The path on the server.
        file: The open file, to write to.
        owner: The secret of the browser that sent it; it is needed to classify the file.
        visitor: The visitor; the file is deleted when they leave. '' if not known.
    """

    token: str
    name: str
    path: pathlib.Path
    file: BinaryIO
    owner: str
    visitor: str = ""


class Uploads:
    """Holds files from their first byte to their answer; thread-safe.

    A file is deleted when its job ends, when its visitor leaves, when its upload is interrupted, or
    when nobody has asked for an answer for as long as a full queue may take.
    """

    def __init__(self, folder: pathlib.Path, limits: Limits, grace: float = 60.0):
        """Starts without files.

        Args:
            folder: An empty folder for the files alone.
            limits: The limits of uploads.
            grace: Seconds that a file waits for its job, in addition to the time of a full queue.
        """
        self._folder, self._limits, self._grace = folder, limits, grace
        self._lock = threading.Lock()
        self._held: set[str] = set()  # From the first byte to the answer.
        self._ready: dict[str, tuple[Upload, threading.Timer]] = {}  # Complete, and not yet taken.

    @contextlib.contextmanager
    def receive(self, name: str, owner: str = "") -> Iterator[Upload]:
        """A context in which a file is written; it is kept only if there is no exception.

        Args:
            name: The visitor's name for it.
            owner: The secret of the visitor's browser.

        Raises:
            RejectedError: too many are waiting.
        """
        token = secrets.token_urlsafe(24)
        with self._lock:
            if len(self._held) > self._limits.queue:
                raise RejectedError(self._limits.busy())
            self._held.add(token)
        try:
            path = self._folder / token / "video"
            path.parent.mkdir()
            with path.open("wb") as file:
                upload = Upload(
                    token=token, name=shown_name(name), path=path, file=file, owner=owner
                )
                yield upload
        except BaseException:
            self._delete(token)
            raise
        longest = (self._limits.queue + 1) * self._limits.timeout + self._grace
        timer = threading.Timer(longest, self.discard, [token])
        timer.daemon = True
        with self._lock:
            self._ready[token] = (upload, timer)
        timer.start()

    @contextlib.contextmanager
    def take(self, token: str, owner: str = "") -> Iterator[Upload]:
        """A context in which a file is classified, and then deleted. It can be taken once.

        Raises:
            RejectedError: there is no such file of this owner.
        """
        with self._lock:
            found = self._ready.pop(token, None) if self._owns(token, owner) else None
        if found is None:
            raise RejectedError("The upload is no longer there. Please choose the video again.")
        upload, timer = found
        timer.cancel()
        try:
            yield upload
        finally:
            self._delete(token)

    def _owns(self, token: str, owner: str) -> bool:
        return token in self._ready and secrets.compare_digest(self._ready[token][0].owner, owner)

    def assign(self, token: str, owner: str, visitor: str) -> None:
        """Stores the visitor whose file it is."""
        with self._lock:
            if self._owns(token, owner):
                self._ready[token][0].visitor = visitor

    def discard_of(self, visitor: str) -> None:
        """Deletes the files of a visitor who has left."""
        with self._lock:
            left = [key for key, (upload, _) in self._ready.items() if upload.visitor == visitor]
        for token in left:
            self.discard(token)

    def discard(self, token: str) -> None:
        """Deletes a file that waits, if there is one."""
        with self._lock:
            found = self._ready.pop(token, None)
        if found is not None:
            found[1].cancel()
            self._delete(token)

    def _delete(self, token: str) -> None:
        shutil.rmtree(self._folder / token, ignore_errors=True)
        with self._lock:
            self._held.discard(token)


def shown_name(name: str) -> str:
    """A visitor's name for a file, as one short line without folders."""
    name = name.replace("\\", "/").rpartition("/")[2]
    name = "".join(sign for sign in name if sign.isprintable()).strip()
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 20]}…{name[-19:]}"
    return name or "video"
