"""The page on configs says what the base config holds."""

import ast
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import ml_collections

from fdd.configs import resnet_lstm

PAGE = pathlib.Path(resnet_lstm.__file__).parent / "README.md"


def _flat(config: ml_collections.ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, ml_collections.ConfigDict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_the_page_lists_every_key_with_its_default_and_no_other():
    row = re.compile(r"\| `([\w.]+)` \| `(.+?)` \| .*\w.* \|")
    section = PAGE.read_text().partition("## Every key\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    matches = [row.fullmatch(line) for line in lines]
    assert all(matches), "a line of the table is not: key, default, meaning"
    listed = {match[1]: ast.literal_eval(match[2]) for match in matches}
    assert len(listed) == len(lines), "a key is listed twice"
    assert listed == dict(_flat(resnet_lstm.get_config()))
