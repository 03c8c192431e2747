"""No file of code is longer than 300 lines, no function longer than 60, the README than 200."""

import ast
import itertools
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = ("fdd", "configs", "tfds_builders", "tests")
LONGEST_FILE, LONGEST_FUNCTION = 300, 60


def _code(folder: str) -> list[pathlib.Path]:
    return sorted(
        itertools.chain.from_iterable(
            (ROOT / folder).rglob(f"*.{ending}") for ending in ("py", "css", "js")
        )
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_lengths(folder):
    assert _code(folder), "nothing was looked at"
    too_long = []
    for file in _code(folder):
        text, name = file.read_text("utf-8"), file.relative_to(ROOT)
        if (lines := len(text.splitlines())) > LONGEST_FILE:
            too_long.append(f"{name}: {lines} lines")
        for node in ast.walk(ast.parse(text)) if file.suffix == ".py" else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    too_long.append(f"{name}, {node.name}: {lines} lines")
    assert not too_long


def test_the_readme_takes_ten_minutes():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200
