"""Text files that others wrote: tables, lists and JSON, in any encoding and with any delimiter.

Every file is either read, or refused in one line that names the file and the place in it.
"""

import codecs
import csv
import io
import json
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fdd.errors import UserError
from fdd.tables import escaped

DELIMITERS = (",", ";", "\t", "|")
MAX_BYTES = 2**28  # The lists of the largest data sets have about ten megabytes.

_MARKS = (  # UTF-32's little-endian mark begins with UTF-16's.
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WINDOWS = "cp1252"

Row = tuple[int, dict[str, str]]
"""(number of the line, values by column)"""


def decoded(data: bytes, name: str) -> tuple[str, str]:
    """Decodes bytes of an unknown encoding.

    A byte order mark decides. Without one, the encoding is UTF-16 if there are zero bytes where
    UTF-16 has them, else UTF-8, else that of Windows in Western Europe.

    Args:
        data: The bytes.
        name: The file's name, for messages.

    Returns:
        The text, and the encoding's name.

    Raises:
        UserError: it is not text.
    """
    known = next((coding for mark, coding in _MARKS if data.startswith(mark)), None)
    if known is None and b"\0" in data[:1000]:
        even, odd = data[:1000:2].count(0), data[1:1000:2].count(0)
        known = "utf-16-le" if odd > even else "utf-16-be"
    for coding in (known,) if known else ("utf-8", _WINDOWS):
        try:
            text = data.decode(coding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, coding
    raise UserError(f"{name} is no text file")


def read(path: pathlib.Path) -> str:
    """The text of a file; prints the encoding if it was guessed.

    Raises:
        UserError: the file cannot be read, is too large or is not text.
    """
    name = escaped(str(path))
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise UserError(f"{name} has {size} bytes, more than any list of videos")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}") from None
    text, coding = decoded(data, name)
    if coding == _WINDOWS:
        print(f"{name} is no UTF-8 and was read as Windows-1252; check its special letters.")
    return text


def table(
    text: str, name: str, columns: Mapping[str, Collection[str]], optional: int = 0
) -> list[Row]:
    """The rows of a table with a heading, with any delimiter.

    Args:
        text: The file's text.
        name: The file's name, for messages.
        columns: The wanted columns, with the names that each may have, in lower case.
        optional: How many of the last columns may be missing.

    Returns:
        For each row that is not empty, the number of its line and its values without surrounding
        spaces; '' if the row is too short. Other columns are left out.

    Raises:
        UserError: a column is missing, occurs twice or may be either of two, a row has more values
            than columns, or quotes do not match.
    """
    required = list(columns)[: len(columns) - optional]
    best: tuple[int, list[tuple[int, list[str]]], dict[str, int]] = (-1, [], {})
    first_error = None
    for delimiter in DELIMITERS:
        try:
            rows = _rows(text, name, delimiter)
        except UserError as error:
            first_error = first_error or error
            continue
        heading = [cell.lower() for cell in rows[0][1]] if rows else []
        places = _places(heading, columns, name)
        if (count := len(places)) > best[0]:
            best = (count, rows, places)
    _, rows, places = best
    if not set(required) <= places.keys():
        if first_error is not None:
            raise first_error
        line, found = rows[0] if rows else (1, [])
        raise UserError(
            f"{name}, line {line}: expected the columns {','.join(required)} in the first line, "
            f"not '{escaped(','.join(found))[:200]}'"
        )
    return [
        (line, _values(cells, len(rows[0][1]), places, f"{name}, line {line}"))
        for line, cells in rows[1:]
    ]


def _rows(text: str, name: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """All rows that are not empty, with the number of the line where each ends."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    rows = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            is_hint = (
                not rows
                and len(cells) <= 2
                and cells
                and cells[0].lower() in ("sep=", f"sep={delimiter}")
            )
            if any(cells) and not is_hint:  # A spreadsheet's first line may name the delimiter.
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise UserError(f"{name}, line {max(1, reader.line_num)}: {error}") from None
    return rows


def _places(
    heading: Sequence[str], columns: Mapping[str, Collection[str]], name: str
) -> dict[str, int]:
    places: dict[str, int] = {}
    for column, names in columns.items():
        found = [index for index, cell in enumerate(heading) if cell in names]
        exact = [index for index in found if heading[index] == column]
        chosen = exact or found
        if len(exact) > 1:
            raise UserError(f"{name}, line 1: there are two columns '{column}'")
        if len(chosen) > 1:
            said = " and ".join(f"'{heading[index]}'" for index in chosen)
            raise UserError(
                f"{name}, line 1: {said} may both be the column '{column}': call one of them so"
            )
        if chosen:
            places[column] = chosen[0]
    return places


def _values(
    cells: Sequence[str], width: int, places: Mapping[str, int], where: str
) -> dict[str, str]:
    if any(cells[width:]):
        raise UserError(
            f"{where}: {len(cells)} values, but the first line names {width}; put a value that "
            'holds the delimiter into "quotes"'
        )
    return {column: cells[place] if place < len(cells) else "" for column, place in places.items()}


def json_object(text: str, name: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        UserError: it is not an object, is damaged, or has a name twice with different values.
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found and json.dumps(found[key]) != json.dumps(value):
                raise UserError(f"it says two things of '{escaped(key)}'")
            found[key] = value
        return found

    try:
        value = json.loads(text.lstrip("\ufeff"), object_pairs_hook=members)
    except RecursionError:
        raise UserError(f"{name} is not understood: it is nested too deeply") from None
    except (UserError, ValueError) as error:
        raise UserError(f"{name} is not understood: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise UserError(f"{name} is not understood: it is no object, {{…}}, of names and values")
    return value
