"""Opening a file by its name, whatever it is: a pipe is read to its end and kept.

A video is read several times and not from front to back. What comes out of a pipe is kept in a
temporary file without a name, which goes with the process, however that ends.
"""

import errno
import io
import os
import pathlib
import stat
import tempfile
import threading
from typing import BinaryIO

MAX_BYTES = 4 * 2**30  # Of a pipe.
_CHUNK = 2**20

_KEPT: dict[str, BinaryIO] = {}
_LOCK = threading.Lock()


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a file for reading; a pipe among the files of a folder would be waited for for ever.

    Raises:
        OSError: it cannot be read or is no regular file.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # A folder has its own error.
        raise OSError(errno.EINVAL, "it is not a regular file")
    return open(path, "rb")


def open_file(path: str | os.PathLike[str]) -> io.RawIOBase:
    """Opens a file for reading at any place.

    Args:
        path: A file or a pipe, `/dev/stdin` and `<(…)` included. A pipe can be opened again: it
            gives the same bytes.

    Raises:
        OSError: it cannot be read, is neither file nor pipe, or more than `MAX_BYTES` come out.
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
    """A view of what a pipe gave, with a place of its own."""

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
