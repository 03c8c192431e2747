"""Opening a file by its name; a pipe is first read to its end.

A video is read several times, and not only from front to back. So a pipe's content is copied to a
temporary file without a name, which disappears with the process, however that ends.
"""

import errno
import io
import os
import pathlib
import stat
import tempfile
import threading
from typing import BinaryIO

MAX_BYTES = 4 * 2**30  # Of a pipe's content.
_CHUNK = 2**20

_KEPT: dict[str, BinaryIO] = {}
_LOCK = threading.Lock()


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a regular file for reading; opening a pipe in a folder of files would wait for ever.

    Raises:
        OSError: the file cannot be read, or is not a regular file.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # Opening a folder gives its own error.
        raise OSError(errno.EINVAL, "it is not a regular file")
    return open(path, "rb")


def open_file(path: str | os.PathLike[str]) -> io.RawIOBase:
    """Opens a file for reading at any position.

    Args:
        path: A file or a pipe, including `/dev/stdin` and `<(…)`. A pipe can be opened again: it
            gives the same bytes.

    Raises:
        OSError: the file cannot be read, is neither a file nor a pipe, or the pipe gives more than
            `MAX_BYTES`.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISREG(mode):
        return open(path, "rb", buffering=0)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not stat.S_ISFIFO(mode):
        raise OSError(errno.EINVAL, "it is neither a file nor a pipe")
    name = os.fspath(path)
    with _LOCK:
        if name not in _KEPT:
            _KEPT[name] = _copy(path)
        return _Kept(_KEPT[name], name)


def _copy(path: str | os.PathLike[str]) -> BinaryIO:
    kept = tempfile.TemporaryFile(prefix="fdd_pipe_")  # noqa: SIM115
    try:
        with open(path, "rb", buffering=0) as pipe:
            total = 0
            while chunk := pipe.read(_CHUNK):
                total += len(chunk)
                if total > MAX_BYTES:
                    limit = f"{MAX_BYTES / 2**30:.3g} GiB"
                    reason = f"more than {limit} come out of the pipe; save them as a file"
                    raise OSError(errno.EFBIG, reason)
                kept.write(chunk)
        kept.flush()
    except BaseException:
        kept.close()
        raise
    if not total:
        kept.close()
        raise OSError(errno.ENODATA, "nothing comes out of the pipe")
    return kept


class _Kept(io.RawIOBase):
    """A view of a pipe's content, with its own position."""

    def __init__(self, file: BinaryIO, name: str):
        self._file, self._place = file, 0
        self.name = pathlib.PurePath(name).name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        data = os.pread(self._file.fileno(), len(buffer), self._place)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place}.get(whence)
        if start is None:
            start = os.fstat(self._file.fileno()).st_size
        self._place = start + offset
        return self._place
