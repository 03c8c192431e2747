"""Which videos a user means who names files, folders and globs."""

import glob
import os
from collections.abc import Sequence

from fdd.errors import UserError, shown
from fdd.video import files


def find_videos(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Lists the files that files, folders and globs stand for.

    Args:
        arguments: What the user named.

    Returns:
        The files, each once, in the order they were named and sorted within a folder or a glob;
        and what the user should know: what was passed over, and why.

    Raises:
        UserError: one of them stands for nothing.
    """
    found: list[str] = []
    notes: list[str] = []
    for argument in arguments:
        if os.path.lexists(argument):
            matches = [argument]
        elif glob.has_magic(argument):
            matches = sorted(glob.glob(argument, recursive=True))
        else:
            raise UserError(f"there is no file {shown(argument)}")
        if not matches:
            raise UserError(f"no file matches {shown(argument)}")
        for match in matches:
            if not os.path.isdir(match):
                found.append(match)
                continue
            videos, others = _in_folder(match)
            why = files.summary(others)
            if not videos and match == argument:
                raise UserError(f"{shown(match)} holds no video ({why or 'it is empty'})")
            if others:
                notes.append(f"passed over in {shown(match)}: {why}")
                notes += [
                    f"{shown(os.path.join(match, o.path))}: {o.reason}" for o in _named(others)
                ]
            found.extend(videos)
    distinct, others = _distinct(found)
    if others:
        notes.append(f"{others} videos were named twice and are classified once")
    return distinct, notes


def _in_folder(folder: str) -> tuple[list[str], list[files.Ignored]]:
    """The videos below a folder, and what else is there."""
    try:
        found, ignored = files.walk(folder)
    except OSError as error:
        raise UserError(f"{shown(folder)} cannot be searched: {error.strerror}") from None
    videos, others = files.once(file for file in found if files.is_video(file.path))
    reasons = ((file.path, files.why_no_video(folder, file.path)) for file in found)
    ignored += [*others, *(files.Ignored(path, why) for path, why in reasons if why)]
    return [os.path.join(folder, video.path) for video in videos], ignored


def _named(others: Sequence[files.Ignored]) -> list[files.Ignored]:
    """What is called as a video and is none, and not hidden; the first ten."""
    names = [o for o in others if files.is_video(o.path) and os.path.basename(o.path)[0] != "."]
    return names[:10]


def _distinct(paths: Sequence[str]) -> tuple[list[str], int]:
    """The paths without those that name a file a second time, and how many those are."""
    known: dict[object, str] = {}
    for path in paths:
        try:
            info = os.stat(path)
            known.setdefault((info.st_dev, info.st_ino), path)
        except OSError:  # The video's answer will report it.
            known.setdefault(path, path)
    return list(known.values()), len(paths) - len(known)
