"""Which videos a data set should hold, which it holds, and why the others are missing."""

import collections
import csv
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from fdd.data.extraction import Result

COVERAGE_FILE = "coverage.csv"
FAILURES_FILE = "failures.csv"


@dataclasses.dataclass(frozen=True)
class Row:
    """Numbers for one method in one split, counted in videos unless the name says otherwise.

    Attributes:
        split: 'train', 'validation' or 'test'.
        method: Forgery method, or where real videos come from.
        expected: In the complete data set.
        found: On disk.
        built: With at least one clip.
        failed: Without any clip.
        clips: Clips built.
        missing_clips: Clips that built videos should have beyond those.
    """

    split: str
    method: str
    expected: int
    found: int
    built: int
    failed: int
    clips: int
    missing_clips: int


def coverage(results: Iterable[Result], expected: Mapping[tuple[str, str], int]) -> list[Row]:
    """Counts results per split and method.

    Args:
        results: What became of each video that was found.
        expected: Number of videos of each (split, method) in the complete data set.

    Returns:
        A row for each entry of `expected`, in its order.
    """
    found: dict[tuple[str, str], list[Result]] = collections.defaultdict(list)
    for result in results:
        found[result.video.split, result.video.method].append(result)
    rows = []
    for (split, method), count in expected.items():
        of_method = found[split, method]
        built = [result.extraction for result in of_method if result.extraction]
        rows.append(
            Row(
                split,
                method,
                expected=count,
                found=len(of_method),
                built=len(built),
                failed=len(of_method) - len(built),
                clips=sum(len(extraction.people[0]) for extraction in built),
                missing_clips=sum(len(extraction.missing) for extraction in built),
            )
        )
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text with a heading."""
    names = [field.name for field in dataclasses.fields(Row)]
    lines = [names, *([str(getattr(row, name)) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.ljust(width) if index < 2 else text.rjust(width)
            for index, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def write(folder: pathlib.Path, rows: Sequence[Row], results: Iterable[Result]) -> None:
    """Writes coverage.csv, and failures.csv: video_id, clip_index (empty: all of them), reason."""
    with (folder / COVERAGE_FILE).open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Row)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(row) for row in rows)
    with (folder / FAILURES_FILE).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video_id", "clip_index", "reason"])
        for result in results:
            if result.extraction is None:
                writer.writerow([result.video.video_id, "", result.error])
            else:
                for index, reason in sorted(result.extraction.missing.items()):
                    writer.writerow([result.video.video_id, index, reason])
