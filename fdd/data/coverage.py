"""Which videos a data set should have, which it has, and why the others are missing."""

import collections
import csv
import dataclasses
import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from etils import epath

from fdd import tables
from fdd.data.catalog import LABELS, Holdings, Video
from fdd.data.splits import SPLITS
from fdd.errors import UserError
from fdd.video import files
from fdd.video.files import Ignored

COVERAGE_FILE = "coverage.csv"
FAILURES_FILE = "failures.csv"
IGNORED_FILE = "ignored.csv"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of cutting a video.

    Attributes:
        video: The video.
        num_clips: Number of clips it gave.
        missing: Why other clips are missing, by clip index.
        error: Why there are no clips; '' if there are any.
        notes: Remarks on a file that gave clips, such as damage.
        damaged: How many of its frames were left out as damaged.
        unshared: Whether its clips are at other frames or faces than those of its family.
    """

    video: Video
    num_clips: int
    missing: Mapping[int, str]
    error: str
    notes: str = ""
    damaged: int = 0
    unshared: bool = False

    def to_json(self) -> str:
        """One line, for `from_json`."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Outcome":
        """Reads a line that `to_json` made."""
        values = json.loads(line)
        missing = {int(index): reason for index, reason in values["missing"].items()}
        return cls(**values | {"video": Video(**values["video"]), "missing": missing})


@dataclasses.dataclass(frozen=True)
class Row:
    """Numbers for one method in one split, counted in videos unless the name says otherwise.

    Attributes:
        split: 'train', 'validation' or 'test'.
        method: Forgery method, or where real videos come from.
        expected: In the complete data set; None if it is not known.
        found: On disk, and wanted.
        built: With at least one clip.
        failed: Without any clip.
        clips: Clips built.
        missing_clips: Missing clips of the built videos.
        damaged_frames: Frames of built videos that were left out as damaged.
        unshared: Built videos that could not use the faces and frames of their original (or, if
            that is missing, of another fake of it): their crops may give them away.
    """

    split: str
    method: str
    expected: int | None
    found: int
    built: int
    failed: int
    clips: int
    missing_clips: int
    damaged_frames: int
    unshared: int


COLUMNS = [field.name for field in dataclasses.fields(Row)]
"""Of coverage.csv."""


def coverage(
    outcomes: Iterable[Outcome], expected: Mapping[tuple[str, str], int | None]
) -> list[Row]:
    """Counts outcomes per split and method.

    Args:
        outcomes: The outcome of each video that was found.
        expected: Number of videos of each (split, method) in the complete data set.

    Returns:
        A row for each entry of `expected`, in its order.
    """
    by_method: dict[tuple[str, str], list[Outcome]] = collections.defaultdict(list)
    for outcome in outcomes:
        by_method[outcome.video.split, outcome.video.method].append(outcome)
    rows = []
    for (split, method), count in expected.items():
        found = by_method[split, method]
        built = [outcome for outcome in found if outcome.num_clips]
        rows.append(
            Row(
                split=split,
                method=method,
                expected=count,
                found=len(found),
                built=len(built),
                failed=len(found) - len(built),
                clips=sum(outcome.num_clips for outcome in built),
                missing_clips=sum(len(outcome.missing) for outcome in built),
                damaged_frames=sum(outcome.damaged for outcome in built),
                unshared=sum(outcome.unshared for outcome in built),
            )
        )
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text with a heading."""
    lines = [COLUMNS]
    for row in rows:
        values = (getattr(row, name) for name in COLUMNS)
        lines.append(["?" if value is None else str(value) for value in values])
    return tables.aligned(lines, names=2)


def class_counts(outcomes: Iterable[Outcome]) -> dict[str, dict[str, int]]:
    """How many videos of each split and label gave clips; empty splits are left out."""
    counts = collections.Counter(
        (outcome.video.split, outcome.video.label) for outcome in outcomes if outcome.num_clips
    )
    some = {split for split, _ in counts}
    return {
        split: {label: counts[split, label] for label in LABELS}
        for split in SPLITS
        if split in some
    }


def class_sizes(outcomes: Iterable[Outcome]) -> str:
    """One line: how many distinct real and fake videos each split was built from."""
    parts = [
        f"{split} {counts['real']} real, {counts['fake']} fake"
        for split, counts in class_counts(outcomes).items()
    ]
    return f"Distinct videos: {'; '.join(parts) or 'none'}."


def report(
    folder: epath.PathLike, outcomes: Sequence[Outcome], holdings: Holdings, splits: Collection[str]
) -> None:
    """Writes the lists of a data set, and prints what is in them.

    Args:
        folder: Of the data set.
        outcomes: The outcome of each wanted video.
        holdings: What was found.
        splits: The splits that are built.

    Raises:
        UserError: no video gave a clip.
    """
    expected = {key: count for key, count in holdings.expected.items() if key[0] in splits}
    rows = coverage(outcomes, expected)
    write(folder, rows, outcomes, holdings.ignored)
    print(table(rows))
    print("\n".join(filter(None, [class_sizes(outcomes), noted(outcomes)])))
    if holdings.warning:
        print(f"Warning: {holdings.warning}.")
    if ignored := holdings.ignored:
        print(
            f"Passed over: {len(ignored)} {'file' if len(ignored) == 1 else 'files'}, named in "
            f"{IGNORED_FILE}: {files.summary(ignored)}."
        )
    if not any(row.clips for row in rows):
        raise UserError(
            f"no clip could be cut from any video; the first one, {outcomes[0].video.path}: "
            f"{outcomes[0].error}"
        )


def noted(outcomes: Iterable[Outcome]) -> str:
    """One line: how many built videos have remarks; '' if none."""
    count = sum(bool(outcome.notes and outcome.num_clips) for outcome in outcomes)
    files = f"{count} videos were built" if count > 1 else "1 video was built"
    return f"{files} with a remark on the file, see {FAILURES_FILE}." if count else ""


def write(
    folder: epath.PathLike,
    rows: Sequence[Row],
    outcomes: Iterable[Outcome],
    ignored: Iterable[Ignored],
) -> None:
    """Writes coverage.csv, failures.csv and ignored.csv.

    The columns of failures.csv are video_id, clip_index and reason. The clip index is empty if the
    video gave no clip, and 'file' for a remark on the file, such as damage, of a video that gave
    clips. The columns of ignored.csv are path and reason; it lists all files that are not part of
    the data set.
    """
    folder = epath.Path(folder)
    lines = [[getattr(row, name) for name in COLUMNS] for row in rows]
    (folder / COVERAGE_FILE).write_bytes(_csv([COLUMNS, *lines]))
    failures: list[list[object]] = [["video_id", "clip_index", "reason"]]
    for outcome in outcomes:
        if outcome.error:
            failures.append([outcome.video.video_id, "", outcome.error])
        if outcome.notes:
            failures.append([outcome.video.video_id, "file", outcome.notes])
        for index, reason in sorted(outcome.missing.items()):
            failures.append([outcome.video.video_id, index, reason])
    (folder / FAILURES_FILE).write_bytes(_csv(failures))
    passed_over = [[each.path, each.reason] for each in ignored]
    (folder / IGNORED_FILE).write_bytes(_csv([["path", "reason"], *passed_over]))


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    """In UTF-8, with control characters escaped."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow([tables.escaped(cell) if isinstance(cell, str) else cell for cell in row])
    return text.getvalue().encode()
