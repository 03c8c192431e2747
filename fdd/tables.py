"""Tables in plain text."""

import os
import unicodedata
from collections.abc import Sequence


def escaped(text: str) -> str:
    """Foreign text without characters that control a terminal: they are replaced by escapes.

    An escape character becomes \\x1b, and a byte of a file's name that is not UTF-8 \\xff.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _spelt_out(char) for char in text)


def is_utf8(name: str | os.PathLike[str]) -> bool:
    """Whether a file's name is UTF-8 and read as such, which most libraries assume."""
    try:
        return os.fsencode(name) == os.fspath(name).encode("utf-8", "surrogatepass")
    except UnicodeEncodeError:  # The locale's encoding lacks a character.
        return False


def _spelt_out(char: str) -> str:
    if 0xDC80 <= ord(char) <= 0xDCFF:  # How Python stores a byte that is not UTF-8.
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()


def _width(text: str) -> int:
    """Columns on a terminal: two for a wide sign, none for an accent of its own."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)


def aligned(lines: Sequence[Sequence[str]], names: int = 1) -> str:
    """Lines of cells in columns: the first `names` flush left, numbers after them flush right.

    Cells are `escaped`.
    """
    lines = [[escaped(cell) for cell in line] for line in lines]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell))
            if index < names
            else " " * (width - _width(cell)) + cell
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
