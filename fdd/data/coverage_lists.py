"""Reading the lists of videos in a data set's folder (`fdd.data.coverage.write`)."""

import collections
import csv
import io

from etils import epath

from fdd.data.coverage import COLUMNS, COVERAGE_FILE, FAILURES_FILE
from fdd.errors import UserError, first_line


def _rows(folder: epath.PathLike, name: str) -> list[dict[str, str]]:
    """The rows of a list; `UserError` if it is missing or damaged."""
    file = epath.Path(folder) / name
    of_coverage = [column for column in COLUMNS if column != "unshared"]  # Older data sets lack it.
    columns = {COVERAGE_FILE: of_coverage, FAILURES_FILE: ["video_id", "clip_index", "reason"]}[
        name
    ]
    try:
        rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode(), newline="")))
        for row in rows:
            if None in row or not all(isinstance(row.get(column), str) for column in columns):
                raise ValueError(f"a row is not {','.join(columns)}")
            if name == COVERAGE_FILE:
                int(row["found"]), int(row["failed"]), int(row.get("unshared", 0))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(
            f"{file} cannot be read ({first_line(error)}): delete the data set and build it again"
        ) from None
    return rows


def failures(folder: epath.PathLike, split: str) -> tuple[int, dict[str, int]]:
    """Reads how many videos of a split gave no clip, and why.

    Args:
        folder: Of the data set.
        split: 'train', 'validation' or 'test'.

    Returns:
        The number; and for the whole data set, the number of videos by reason, most frequent first.

    Raises:
        UserError: the data set's lists are missing or damaged.
    """
    rows = _rows(folder, COVERAGE_FILE)
    count = sum(int(row["failed"]) for row in rows if row["split"] == split)
    rows = _rows(folder, FAILURES_FILE)
    reasons = collections.Counter(row["reason"] for row in rows if not row["clip_index"])
    return count, dict(reasons.most_common())


def unshared(folder: epath.PathLike) -> dict[str, int] | None:
    """Reads how many videos of each method could not use the faces of their family.

    Args:
        folder: Of the data set.

    Returns:
        The methods that have such videos; None if the data set was built before they were counted.

    Raises:
        UserError: coverage.csv is damaged.
    """
    if not (epath.Path(folder) / COVERAGE_FILE).exists():
        return None
    rows = _rows(folder, COVERAGE_FILE)
    if not all("unshared" in row for row in rows):
        return None
    counts: collections.Counter[str] = collections.Counter()
    for row in rows:
        counts[row["method"]] += int(row["unshared"])
    return {method: count for method, count in counts.items() if count}


def missing_methods(folder: epath.PathLike) -> list[str]:
    """Returns the requested methods of which no video was found.

    Raises:
        UserError: the data set's list is missing or damaged.
    """
    rows = _rows(folder, COVERAGE_FILE)
    found = {row["method"] for row in rows if int(row["found"])}
    return [name for name in dict.fromkeys(row["method"] for row in rows) if name not in found]
