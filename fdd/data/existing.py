"""Choosing among the data sets that are built already, and what is printed about the choice."""

import dataclasses
import enum
import pathlib
import re
from collections.abc import Callable, Sequence

from fdd.data import identity
from fdd.data.identity import Identity, Sources
from fdd.data.records import Dataset
from fdd.errors import UserError
from fdd.tables import escaped
from fdd.video.preprocessing import Preprocessing

_INFO = "dataset_info.json"


class Relation(enum.Enum):
    """How a data set and a folder of videos are related."""

    SAME = "the folder holds what the data set was built from"
    CHANGED = "the data set was built from this folder, which has changed since"
    GONE = "the data set was built from this folder, which is no longer there"
    OTHER = "the data set was built from another folder"
    UNKNOWN = "nothing is recorded"


@dataclasses.dataclass(frozen=True)
class Found:
    """A folder of videos and its contents.

    Attributes:
        folder: The folder.
        sources: Its files; None if there is no such folder.
        key: The key of the data set that would be built from them; '' if there is no such folder.
    """

    folder: pathlib.Path
    sources: Sources | None
    key: str


def found_in(folder: pathlib.Path, key_of: Callable[[Sources], str]) -> Found:
    """Lists a folder of videos.

    Args:
        folder: The folder; it may be gone.
        key_of: `fdd.data.builder.ClipBuilder.key_of`.

    Raises:
        UserError: the folder cannot be read.
    """
    if not folder.is_dir():
        return Found(folder=folder, sources=None, key="")
    sources = identity.look(folder)
    return Found(folder=folder, sources=sources, key=key_of(sources))


def relation(known: Identity | None, found: Found) -> Relation:
    """How a data set with this identity and a folder are related."""
    if known is None:
        return Relation.UNKNOWN
    if known.key == found.key:
        return Relation.SAME
    if not known.is_from(found.folder):
        return Relation.OTHER
    return Relation.CHANGED if found.key else Relation.GONE


def built(place: pathlib.Path) -> list[pathlib.Path]:
    """Finds the data sets that may have certain settings.

    Args:
        place: Where `tfds build` puts such a data set: .../BUILDER/CONFIG/VERSION.

    Returns:
        The folders that exist: this one, and .../BUILDER/CONFIG-KEY/VERSION.
    """
    config = place.parent.name
    with_key = re.compile(re.escape(config) + r"-[0-9a-f]{8}")
    above = place.parent.parent
    names = sorted(inner.name for inner in above.iterdir()) if above.is_dir() else []
    folders = [above / name / place.name for name in names if _is_of(name, config, with_key)]
    return [folder for folder in folders if (folder / _INFO).exists()]


def _is_of(name: str, config: str, with_key: re.Pattern[str]) -> bool:
    return name == config or with_key.fullmatch(name) is not None


def choose(folders: Sequence[pathlib.Path], found: Found | None) -> pathlib.Path | None:
    """Chooses the data set that is asked for.

    A data set that was built from the same files is preferred. Otherwise it is the latest that was
    built from this folder when its files were different; otherwise one whose origin is unknown.

    Args:
        folders: The data sets with the right settings.
        found: The folder of videos that is asked for; None if none is named.

    Returns:
        The data set's folder; None if there is none.

    Raises:
        UserError: it is not clear which one is meant, or one is damaged.
    """
    if found is None:
        if len(folders) > 1:
            raise UserError(
                f"{escaped(str(folders[0].parents[1]))} holds {len(folders)} data sets with these "
                f"settings: choose one with --config.data.manual_dir=DIR: {_origins(folders)}"
            )
        return next(iter(folders), None)
    known = [(folder, identity.read(folder)) for folder in folders]
    by_relation: dict[Relation, list[tuple[str, pathlib.Path]]] = {each: [] for each in Relation}
    for folder, each in known:
        by_relation[relation(each, found)].append((each.built if each else "", folder))
    for kind in (Relation.SAME, Relation.CHANGED, Relation.GONE, Relation.UNKNOWN):
        if by_relation[kind]:
            return max(by_relation[kind])[1]
    if found.sources is None:
        there = f"; the data sets there: {_origins(folders)}" if folders else ""
        raise UserError(f"config.data.manual_dir={escaped(str(found.folder))} is no folder{there}")
    return None


def _origins(folders: Sequence[pathlib.Path]) -> str:
    return ", ".join(
        f"{escaped(known.manual_dir)} (key {known.key}, built {known.built} UTC)"
        if (known := identity.read(folder))
        else f"not known, in {escaped(str(folder))}"
        for folder in folders
    )


def lines(dataset: Dataset, found: Found | None, rebuild: str) -> list[str]:
    """Lines about a data set that is used as it was built: which it is, and what has changed.

    Args:
        dataset: The data set.
        found: The folder of videos; None if none is known.
        rebuild: The command that builds the data set again.
    """
    known, there = dataset.identity, f"({escaped(str(dataset.folder))})"
    if known is None:
        clips = ", ".join(f"{split} {count}" for split, count in dataset.splits.items())
        return [
            f"Data set {dataset.name}: {clips} clips; what it was built from is not known, since "
            f"it was built before that was recorded {there}. To build it again: {rebuild}"
        ]
    videos = ", ".join(
        f"{split} {counts['real']} real and {counts['fake']} fake"
        for split, counts in known.videos.items()
    )
    first = (
        f"Data set {dataset.name}, key {dataset.key}, built {known.built} UTC from "
        f"{escaped(known.manual_dir)}: {videos} videos {there}"
    )
    return [first, *(_since(dataset, known, found, rebuild) if found else ())]


def _since(dataset: Dataset, known: Identity, found: Found, rebuild: str) -> list[str]:
    """A line if the folder of videos has changed."""
    kind, folder = relation(known, found), escaped(str(found.folder))
    if kind is Relation.GONE:
        return [f"{folder} is no longer there: the data set is used as it was built."]
    if kind is Relation.CHANGED:
        said = identity.changes(identity.read_sources(dataset.folder), found.sources)
        if not said:  # A later version may have settings that the key did not hold then.
            return [f"Its files in {folder} are unchanged; another version of fdd built it."]
        return [
            f"Since then, in {folder}: {said}. The data set is used as it was built; to build it "
            f"again: {rebuild}"
        ]
    if kind is Relation.SAME and not known.is_from(found.folder):
        return [f"The same files are in {folder} now."]
    return []


def check_fingerprint(dataset: Dataset, spec: Preprocessing) -> None:
    """Checks that this version of the code cuts clips as the data set's were cut.

    Raises:
        UserError: the fingerprints differ.
    """
    if dataset.fingerprint != spec.fingerprint():
        raise UserError(
            f"{escaped(str(dataset.folder))} was cut by another version of the video path "
            f"(fingerprint {dataset.fingerprint}, now {spec.fingerprint()}): delete it and build "
            "it again"
        )


def check_origin(dataset: Dataset, found: Found) -> None:
    """Checks that a data set was built from the named folder, and prints which it is.

    Raises:
        UserError: it was built from another folder.
    """
    if relation(dataset.identity, found) is Relation.OTHER:
        raise UserError(
            f"{escaped(str(dataset.folder))} was built from "
            f"{escaped(dataset.identity.manual_dir)} (key {dataset.key}), not from "
            f"{escaped(str(found.folder))}: give the new one its own folder with --data_dir=DIR, "
            "or replace what is there with --overwrite"
        )
    for line in lines(dataset, found, "the same command with --overwrite"):
        print(line)
