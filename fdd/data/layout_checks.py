"""Checks and messages about a user's folder that all builders have in common."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

from fdd import tables
from fdd.data import layouts, own_files
from fdd.data.catalog import Holdings, Video
from fdd.data.layouts import Layout
from fdd.errors import UserError


def check_key(wanted: str, known: Iterable[Layout]) -> None:
    """Checks that a builder knows a layout.

    Raises:
        UserError: it does not know it.
    """
    keys = (layouts.AUTO, *(each.key for each in known))
    if wanted not in keys:
        raise UserError(f"config.data.layout is '{wanted}', known: {', '.join(keys)}")


def settled(holdings: Holdings, root: pathlib.Path, wanted: str) -> Holdings:
    """Prints which layout was recognised, and leaves out the demo's own files.

    Args:
        holdings: What was found.
        root: What the user gave.
        wanted: Key of the layout that is asked for; 'auto': any.

    Raises:
        UserError: the layout is another one, or two videos have the same id.
    """
    if not holdings.layouts:  # The builder knows only one.
        _refuse_equal_ids(holdings.videos)
        return _without_own_files(holdings)
    said = f"{tables.escaped(str(root))} is recognised as {layouts.named(holdings.layouts)}"
    if wanted not in (layouts.AUTO, *(each.key for each in holdings.layouts)):
        raise UserError(f"{said}, not as config.data.layout={wanted} asks")
    print(f"{said}.")
    _refuse_equal_ids(holdings.videos)
    return _without_own_files(holdings)


def _refuse_equal_ids(videos: Sequence[Video]) -> None:
    by_id: dict[str, Video] = {}
    for video in videos:
        if (first := by_id.setdefault(video.video_id, video)) is not video:
            names = tables.escaped(f"{first.path} and {video.path}")
            raise UserError(f"two videos are called {video.video_id}: {names}; rename one")


def _without_own_files(holdings: Holdings) -> Holdings:
    """Removes the files that the demo wrote beside its videos from the ignored ones."""
    root = holdings.root or pathlib.Path()
    others = [each for each in holdings.ignored if not own_files.is_own(root / each.path)]
    return dataclasses.replace(holdings, ignored=others)
