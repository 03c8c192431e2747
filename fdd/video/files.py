"""Which files below a folder are videos by their names, and why the others are not."""

import collections
import dataclasses
import os
import re
import stat
from collections.abc import Iterable, Sequence

from fdd import tables

ENDINGS = frozenset(
    (
        *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264", ".h265"),
        *(".hevc", ".m2t", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mod", ".mov"),
        *(".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt", ".rm"),
        *(".rmvb", ".tod", ".ts", ".vob", ".webm", ".wmv", ".xvid", ".y4m"),
    )
)
"""Endings of videos' names, in lower case. GIF is not one of them: see `why_no_video`."""

UNREADABLE_FOLDER = "a folder that cannot be read"
"""`Ignored.kind` of such a folder."""

_COPY = re.compile(r"(?P<name>.+?)(?: ?\(\d{1,3}\)| - Copy(?: \(\d+\))?| copy(?: \d+)?)")
_MAGIC = (
    (4, b"ftyp"),  # MP4, QuickTime, 3GP
    (4, b"moov"),
    (0, b"\x1a\x45\xdf\xa3"),  # Matroska, WebM
    (8, b"AVI "),
    (0, b"FLV\x01"),
    (0, b"\x00\x00\x01\xba"),  # MPEG program stream
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # ASF, WMV
)
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_DEPTH = 3  # Levels of folders that say what a video is: split, label, method.


@dataclasses.dataclass(frozen=True)
class File:
    """A regular file that is not hidden.

    Attributes:
        path: Relative to the folder that was searched, with / between its parts.
        size: In bytes.
        identity: The same for all names of one file.
        linked: Whether a symbolic link is in the path.
        modified: When its contents last changed, in whole seconds since 1970.
    """

    path: str
    size: int
    identity: tuple[int, int]
    linked: bool = False
    modified: int = 0


@dataclasses.dataclass(frozen=True, order=True)
class Ignored:
    """A file or folder that is not used.

    Attributes:
        path: As in `File`.
        reason: Why; the text after ': ' is specific to this file.
    """

    path: str
    reason: str

    @property
    def kind(self) -> str:
        """The part of the reason that is the same for similar files."""
        return self.reason.split(": ")[0]


def is_video(name: str) -> bool:
    """Whether a file's name has the ending of a video, in upper or lower case."""
    return os.path.splitext(name)[1].lower() in ENDINGS


def original_name(name: str) -> str:
    """The name without the suffix of a copy: '974' for '974 (1)' and '974 - Copy'."""
    match = _COPY.fullmatch(name)
    return match["name"] if match else name


def why_no_video(root: str | os.PathLike[str], path: str) -> str:
    """Why a file below `root` is not used as a video; '' if its name is that of a video."""
    if is_video(path):
        return ""
    ending = os.path.splitext(path)[1].lower()
    if _begins_as_video(os.path.join(root, path)):
        name = tables.escaped(f"{os.path.basename(path)}.mp4")
        return f"a video by its content, but not by its name: rename it, to {name} for one"
    if ending == ".gif":
        return "a GIF picture: its 256 colours hide the traces of a forgery"
    return f"no video by its name: {tables.escaped(ending) or 'no ending'}"


def _begins_as_video(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            start = file.read(189)
    except OSError:
        return False
    packets = len(start) == 189 and start[0] == start[188] == 0x47  # An MPEG transport stream.
    return packets or any(start[at : at + len(magic)] == magic for at, magic in _MAGIC)


def walk(root: str | os.PathLike[str]) -> tuple[list[File], list[Ignored]]:
    """Lists all files below a folder, in one pass and in the order of their paths.

    Links are followed; a loop of links is entered once. Nothing is opened, so a pipe cannot block.

    Args:
        root: The folder.

    Returns:
        The regular files; and everything else with the reason why it is not one: hidden files and
        folders, links to nothing, pipes, folders that cannot be read.

    Raises:
        OSError: the folder itself cannot be read.
    """
    root = os.fspath(root)
    top = os.stat(root)
    os.scandir(root).close()
    files, ignored = [], []
    pending = collections.deque([("", False, ((top.st_dev, top.st_ino),))])
    entered: dict[tuple[object, ...], str] = {}
    while pending:
        inside, linked, above = pending.popleft()
        try:
            with os.scandir(os.path.join(root, inside)) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            ignored.append(Ignored(inside, f"{UNREADABLE_FOLDER}: {error.strerror}"))
            continue
        for entry in listed:
            path = f"{inside}/{entry.name}" if inside else entry.name
            found = _look(entry, path, linked)
            if isinstance(found, File):
                files.append(found)
            elif isinstance(found, Ignored):
                ignored.append(found)
            else:
                if is_video(entry.name):
                    ignored.append(Ignored(path, "a folder, though its name ends as a video's"))
                if found in above:
                    ignored.append(Ignored(path, "a link to a folder that it is in"))
                    continue
                key = (found, *path.split("/")[:_DEPTH])
                if (first := entered.setdefault(key, path)) != path:
                    reason = f"a link to a folder that was searched: {tables.escaped(first)}"
                    ignored.append(Ignored(path, reason))
                    continue
                is_link = linked or entry.is_symlink()
                # Folders come before links to them, so a file is listed under its own path.
                place = pending.append if is_link else pending.appendleft
                place((path, is_link, (*above, found)))
    return sorted(files, key=lambda file: file.path), sorted(ignored)


def _look(entry: os.DirEntry[str], path: str, linked: bool) -> File | Ignored | tuple[int, int]:
    """A folder's entry; for a folder that must be searched, its identity."""
    try:
        info = entry.stat()
    except FileNotFoundError:
        return Ignored(path, "a link to nothing")
    except OSError as error:
        return Ignored(path, f"cannot be read: {error.strerror}")
    identity = (info.st_dev, info.st_ino)
    if stat.S_ISDIR(info.st_mode):
        return Ignored(path, "a hidden folder") if entry.name.startswith(".") else identity
    if not stat.S_ISREG(info.st_mode):
        kind = next((name for check, name in _KINDS if check(info.st_mode)), "no regular file")
        return Ignored(path, f"no file but {kind}")
    if entry.name.startswith("._"):
        return Ignored(path, "a file of macOS about another one")
    if entry.name.startswith("."):
        return Ignored(path, "hidden")
    is_link = linked or entry.is_symlink()
    return File(
        path=path, size=info.st_size, identity=identity, linked=is_link, modified=int(info.st_mtime)
    )


def once(files: Iterable[File]) -> tuple[list[File], list[Ignored]]:
    """Keeps one name of each file, if possible one without links.

    Returns:
        The files in their order; and the names that are left out.
    """
    files = list(files)
    names: dict[tuple[int, int], File] = {}
    for file in sorted(files, key=lambda file: (file.linked, file.path)):
        names.setdefault(file.identity, file)
    others = [
        Ignored(file.path, f"a second name of a file: {tables.escaped(names[file.identity].path)}")
        for file in files
        if names[file.identity] is not file
    ]
    return [file for file in files if names[file.identity] is file], others


def summary(ignored: Sequence[Ignored], limit: int = 3) -> str:
    """The reasons in one line, the most common first."""
    kinds = collections.Counter(each.kind for each in ignored).most_common()
    parts = [f"{kind} ({count})" for kind, count in kinds[:limit]]
    rest = sum(count for _, count in kinds[limit:])
    return "; ".join([*parts, *([f"other reasons ({rest})"] if rest else [])])
