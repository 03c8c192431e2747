"""The identity of a data set: what it was built from, in files beside the records.

Two data sets are the same if they have the same key, which is made from

- the builder and all of its settings: which videos, which splits, how clips are cut;
- the files: the path below manual_dir, the size and the time of the last change, in whole seconds,
  of every file that can influence the result: videos, pictures and lists.

The position and name of the folder are not part of it. So a folder that was moved, renamed, or
copied with its times (`cp -p`, `rsync -a`) gives the same data set; a copy with new times gives
another one. Only names, sizes and times are read.
"""

import csv
import dataclasses
import datetime
import hashlib
import io
import json
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fdd.data import index
from fdd.data.catalog import LABELS
from fdd.data.splits import SPLITS
from fdd.errors import UserError, first_line
from fdd.tables import escaped
from fdd.video import files

IDENTITY_FILE = "identity.json"
SOURCES_FILE = "sources.csv"
_COLUMNS = ["path", "bytes", "modified"]
_OTHER_ENDINGS = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"),  # Frames and masks.
        *(".csv", ".tsv", ".json", ".txt"),  # Lists.
    )
)
_OUR_OWN = ("dataset_info.json", "metrics.jsonl")  # They mark a data set and a run.
_KEY = re.compile(r"[0-9a-f]{8}")
_TIME = re.compile(r"[\d :-]{19}")
_NAMED = 3

Sources = Mapping[str, tuple[int, int]]
"""Size in bytes and time of the last change, by a file's path below manual_dir."""


@dataclasses.dataclass(frozen=True)
class Identity:
    """What is stored about a data set's origin.

    Attributes:
        key: Eight hexadecimal digits, see `key_of`.
        manual_dir: The folder of the videos, as an absolute path on the machine that built it.
        built: The time in UTC: '2026-01-31 12:00:00'.
        videos: Number of videos that gave clips, by split and then by 'real' and 'fake'.
    """

    key: str
    manual_dir: str
    built: str
    videos: Mapping[str, Mapping[str, int]]

    def is_from(self, folder: pathlib.Path) -> bool:
        """Whether it was built from this folder, by whatever path."""
        return os.path.realpath(self.manual_dir) == os.path.realpath(folder)


def look(root: pathlib.Path) -> Sources:
    """Lists the files that a data set would be built from, without opening any.

    Hidden files are left out, and so are data sets and runs of this program that lie below `root`.

    Args:
        root: The folder of the videos.

    Raises:
        UserError: it cannot be read.
    """
    try:
        found, _ = files.walk(root)
    except OSError as error:
        raise UserError(f"{escaped(str(root))} cannot be searched: {error.strerror}") from None
    own = {os.path.dirname(p.path) for p in found if os.path.basename(p.path) in _OUR_OWN} - {""}
    return {
        escaped(each.path): (each.size, each.modified)
        for each in found
        if _is_source(each.path) and not any(each.path.startswith(f"{one}/") for one in own)
    }


def _is_source(path: str) -> bool:
    ending = os.path.splitext(path)[1].lower()
    return files.is_video(path) or ending in _OTHER_ENDINGS


def key_of(builder: str, settings: Mapping[str, Any], sources: Sources) -> str:
    """The key of a data set.

    Args:
        builder: Name of the builder.
        settings: All of its settings, JSON-compatible.
        sources: The files, from `look`.
    """
    text = json.dumps([builder, settings, sorted(sources.items())], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def stand_in(folder: pathlib.Path) -> str:
    """A key for a data set without a stored one, made from the contents of its folder."""
    files = [path for path in folder.iterdir() if path.is_file()]
    parts = sorted(
        (path.name, path.stat().st_size) for path in files if not index.is_index(path.name)
    )
    digest = hashlib.sha256(json.dumps(parts).encode())
    digest.update((folder / "dataset_info.json").read_bytes())
    return digest.hexdigest()[:8]


def now() -> str:
    """The present time, for `Identity.built`."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M:%S}"


def write(folder: pathlib.Path, identity: Identity, sources: Sources) -> None:
    """Writes identity.json and sources.csv into a data set's folder."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_COLUMNS, *([path, *values] for path, values in sorted(sources.items()))])
    (folder / SOURCES_FILE).write_bytes(text.getvalue().encode())
    content = json.dumps(dataclasses.asdict(identity), indent=2)
    (folder / IDENTITY_FILE).write_text(f"{content}\n")


def read(folder: pathlib.Path) -> Identity | None:
    """Reads what `write` wrote; None for a data set of a version that stored none.

    Raises:
        UserError: it is damaged.
    """
    try:
        values = json.loads((folder / IDENTITY_FILE).read_bytes())
        identity = Identity(**values)
        counts = [counts[label] for counts in identity.videos.values() for label in LABELS]
        if not (
            _KEY.fullmatch(identity.key)  # It is used in names of folders.
            and _TIME.fullmatch(identity.built)
            and isinstance(identity.manual_dir, str)
            and identity.videos.keys() <= set(SPLITS)
            and all(isinstance(count, int) for count in counts)
        ):
            raise ValueError("a value is of another kind")
        return identity
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(folder / IDENTITY_FILE, error) from None


def read_sources(folder: pathlib.Path) -> Sources:
    """Reads what a data set was built from.

    Raises:
        UserError: the list is missing or damaged.
    """
    file = folder / SOURCES_FILE
    try:
        rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode(), newline="")))
        return {row["path"]: (int(row["bytes"]), int(row["modified"])) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise _damaged(file, error) from None


def _damaged(file: pathlib.Path, error: Exception) -> UserError:
    return UserError(
        f"{escaped(str(file))} cannot be read ({escaped(first_line(error))}): put it back from a "
        "copy, or delete the data set and build it again"
    )


def changes(before: Sources, after: Sources) -> str:
    """How the files changed, as '2 files added (a, b), 1 file removed (c)'; '' if they did not."""
    kinds = {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(
            path for path in before.keys() & after.keys() if before[path] != after[path]
        ),
    }
    return ", ".join(
        f"{len(paths)} {'file' if len(paths) == 1 else 'files'} {kind} ({_some(paths)})"
        for kind, paths in kinds.items()
        if paths
    )


def _some(paths: Sequence[str]) -> str:
    return ", ".join([*paths[:_NAMED], *(["…"] if len(paths) > _NAMED else [])])
