"""What is in a data set's splits, and whether they leak."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fdd import tables
from fdd.data import splits
from fdd.data.builders import faceforensics
from fdd.data.catalog import LABELS
from fdd.evaluation import shortcuts
from fdd.tables import escaped

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that two splits share, or that is in one twice.

    Attributes:
        what: What it is, in one line.
        implied: Whether the official splits themselves imply it; otherwise it is leakage.
    """

    what: str
    implied: bool = False


def shared_people(rows: Rows, builder: str = "faceforensics") -> list[Finding]:
    """People who are in more than one split, as target or as source.

    Args:
        rows: The records' fields by split, as `fdd.data.records.Dataset.metadata` gives them.
        builder: Name of the data set's builder. Celeb-DF's official list has the same people on
            both sides.
    """
    where = collections.defaultdict(set)
    for split, records in rows.items():
        for record in records:
            for name in filter(None, (record["target_person"], record["source_person"])):
                where[name].add(split)
    return [
        Finding(
            f"{'id ' if name.isdecimal() else ''}{escaped(name)} is in {_list(found)}",
            implied=builder == "celeb_df",
        )
        for name, found in sorted(where.items())
        if len(found) > 1
    ]


def shared_sources(rows: Rows, builder: str = "faceforensics") -> list[Finding]:
    """Groups of ids cut from one source video that are in more than one split.

    Args:
        rows: As in `shared_people`.
        builder: Likewise. Only of FaceForensics++ is known which videos these are.
    """
    if builder != "faceforensics":
        return []
    where = collections.defaultdict(set)
    for split, records in rows.items():
        for record in records:
            for name in (record["target"], record["source"]):
                where[name].add(split)
    findings = []
    for group in faceforensics.same_source_groups():
        present = sorted(name for name in group if name in where)
        found = set().union(*(where[name] for name in present))
        if len(found) > 1:
            official = all(where[name] == {splits.official_split(name)} for name in present)
            names = ", ".join(f"{name} ({_list(where[name])})" for name in present)
            findings.append(Finding(f"one source video: {names}", implied=official))
    return findings


def identical_files(rows: Rows, builder: str = "faceforensics") -> list[Finding]:
    """Files with the same bytes under several names: of both classes, in two splits, or in one.

    Args:
        rows: As in `shared_people`.
        builder: Likewise, of no consequence.
    """
    where = collections.defaultdict(set)
    for split, records in rows.items():
        for record in records:
            label = LABELS[record["label"]]
            where[record["file_sha256"]].add((split, record["video_id"], label))
    findings = []
    for found in where.values():
        if len(found) > 1:
            names = ", ".join(
                f"{escaped(name)} ({split}, {label})" for split, name, label in sorted(found)
            )
            both = len({label for *_, label in found}) > 1
            findings.append(Finding(f"the same file{', real and fake' if both else ''}: {names}"))
    return findings


def sizes(rows: Rows) -> str:
    """A table of the number of videos (and clips) per method and split."""
    methods = sorted({record["method"] for records in rows.values() for record in records})
    lines = [["method", *rows]]
    for method in methods:
        line = [method]
        for records in rows.values():
            ids = [record["video_id"] for record in records if record["method"] == method]
            line.append(f"{len(set(ids))} ({len(ids)})")
        lines.append(line)
    return tables.aligned(lines)


_CHECKS = {
    "People (targets and sources)": shared_people,
    "Source videos": shared_sources,
    "Files": identical_files,
}


def own_crops(unshared: Mapping[str, int] | None) -> tuple[str, bool]:
    """Says which videos were not cropped as their family, and whether that is a leak.

    Args:
        unshared: What `fdd.data.coverage_lists.unshared` read.
    """
    if unshared is None:
        return "not recorded: build the data set again to know", False
    if not unshared:
        return "none has faces or frames of its own", False
    counts = ", ".join(f"{escaped(method)} {count}" for method, count in unshared.items())
    return (
        f"LEAK: {sum(unshared.values())} could not be cropped as their original, so that the crop "
        f"may tell real from fake: {counts}; failures.csv names them and says why",
        True,
    )


def audit(
    rows: Rows, unshared: Mapping[str, int] | None = None, builder: str = "faceforensics"
) -> tuple[str, bool]:
    """Examines a data set.

    Args:
        rows: As in `shared_people`.
        unshared: As in `own_crops`.
        builder: As in `shared_people`.

    Returns:
        A report in plain text, and whether there is leakage that the official splits do not imply.
    """

    parts = [f"Videos (clips) per split\n{sizes(rows)}"]
    leaks = 0
    for title, check in _CHECKS.items():
        findings = check(rows, builder)
        leaks += sum(not finding.implied for finding in findings)
        lines = [
            f"  {'in the official splits too' if finding.implied else 'LEAK'}: {finding.what}"
            for finding in findings
        ]
        parts.append("\n".join([title, *(lines or ["  none is shared or there twice"])]))
    said, leak = own_crops(unshared)
    leaks += leak
    parts.append(f"Crops (those of a fake are its original's)\n  {said}")
    probe = shortcuts.probe(rows)
    leaks += probe.leak
    title = "What is not the picture (a regression on it, trained on train, tested on test)"
    parts.append(f"{title}\n  {'LEAK: ' if probe.leak else ''}{probe.text}")
    parts.append(
        f"Leaks: {leaks}" if leaks else "No leakage beyond what the official splits imply."
    )
    return "\n\n".join(parts), bool(leaks)


def _list(names: Iterable[str]) -> str:
    return " and ".join(name for name in splits.SPLITS if name in names)
