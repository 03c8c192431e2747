"""Tables in plain text."""

from collections.abc import Sequence


def aligned(lines: Sequence[Sequence[str]], names: int = 1) -> str:
    """Lines of cells in columns: the first `names` flush left, numbers after them flush right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index < names else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
