"""Videos with the same contents under several names; they are found before anything is cut."""

import collections
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

from fdd.data.catalog import Video
from fdd.errors import UserError
from fdd.tables import escaped
from fdd.video.files import Ignored

_SAMPLE = 2**14  # Bytes from the beginning, the middle and the end.


def settle(
    root: pathlib.Path, videos: Sequence[Video], refuse_copies: bool
) -> tuple[list[Video], list[Ignored], str]:
    """Keeps one name of each file that has two, and refuses contradictions.

    Args:
        root: The folder that paths of ignored files start from.
        videos: All videos.
        refuse_copies: Whether files with equal bytes are refused even if they have one split and
            one method. Otherwise one of them is used. If two names differ only in their endings,
            one of them is used in any case.

    Returns:
        The videos that remain, in their order; the names that are not used; and a warning of one
        line about files in two splits ('' if there are none); such files stay in both.

    Raises:
        UserError: files with equal bytes are real and fake, or of two methods, or they are copies
            that are refused.
    """
    problems, shared, dropped, ignored = [], [], set(), []
    for group in _same_contents(videos):
        kept: list[Video] = []
        for video in group:
            first = next((each for each in kept if _place(each) == _place(video)), None)
            if first is None:
                problems += [_both(root, each, video) for each in kept if _differ(each, video)]
                kept.append(video)
            elif refuse_copies and not _is_same(first, video):
                problems.append(f"{_both(root, first, video)} twice")
            else:
                is_link = os.path.samefile(first.path, video.path)
                what = "a second name of a file" if is_link else "the same bytes as another file"
                dropped.add(video.video_id)
                path = os.path.relpath(video.path, root)
                ignored.append(Ignored(path, f"{what}: {_name(root, first)}"))
        if len({video.split for video in kept}) > 1:
            shared.append(" and ".join(_name(root, video) for video in kept))
    if problems:
        raise UserError(
            f"the same contents twice: {_some(problems)}. Remove one of each from "
            f"{escaped(str(root))}"
        )
    warning = f"the same contents in two splits, which is leakage: {_some(shared)}"
    remaining = [video for video in videos if video.video_id not in dropped]
    return remaining, ignored, warning if shared else ""


def _place(video: Video) -> tuple[str, str]:
    return video.split, video.method


def _differ(first: Video, second: Video) -> bool:
    return first.method != second.method  # Different labels mean different methods.


def _is_same(first: Video, second: Video) -> bool:
    """Whether two names belong to one file, or to one recording (x.ts and x.MTS)."""
    names = {os.path.splitext(video.path)[0] for video in (first, second)}
    return len(names) == 1 or os.path.samefile(first.path, second.path)


def _both(root: pathlib.Path, first: Video, second: Video) -> str:
    names = f"{_name(root, first)} and {_name(root, second)} are the same file"
    if first.label != second.label:
        return f"{names}, once {first.label} and once {second.label}"
    if first.method != second.method:
        return f"{names} of two methods, {escaped(first.method)} and {escaped(second.method)}"
    return names


def _some(lines: Sequence[str], limit: int = 3) -> str:
    more = f"; and {len(lines) - limit} more" if len(lines) > limit else ""
    return "; ".join(lines[:limit]) + more


def _name(root: pathlib.Path, video: Video) -> str:
    return escaped(os.path.relpath(video.path, root))


def _same_contents(videos: Iterable[Video]) -> Iterator[list[Video]]:
    """Yields groups of two or more; reads only files of equal size, and few of them completely."""
    by_size = collections.defaultdict(lambda: collections.defaultdict(list))
    for video in videos:
        try:
            info = os.stat(video.path)
        except OSError:
            continue  # It will be listed as a failure.
        if info.st_size:
            by_size[info.st_size][info.st_dev, info.st_ino].append(video)
    for files in by_size.values():
        alike = [list(files.values())]  # Names of one file are one entry.
        for digest in (_sample, _whole):
            alike = [part for group in alike for part in _split(group, digest)]
        for group in alike:
            together = [video for names in group for video in names]
            if len(together) > 1:
                yield sorted(together, key=_rank)


def _rank(video: Video) -> tuple[bool, str]:
    """A path without links comes first."""
    return os.path.realpath(video.path) != os.path.abspath(video.path), video.path


def _split(
    group: list[list[Video]], digest: Callable[[BinaryIO], bytes]
) -> Iterable[list[list[Video]]]:
    """Divides files of one size by their `digest`."""
    if len(group) == 1:
        return [group]
    parts = collections.defaultdict(list)
    for names in group:
        try:
            with open(names[0].path, "rb") as file:
                parts[digest(file)].append(names)
        except OSError:
            parts[names[0].path].append(names)
    return parts.values()


def _sample(file: BinaryIO) -> bytes:
    size = file.seek(0, os.SEEK_END)
    parts = []
    for start in (0, size // 2, size - _SAMPLE):
        file.seek(max(0, start))
        parts.append(file.read(_SAMPLE))
    return b"".join(parts)


def _whole(file: BinaryIO) -> bytes:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").digest()
