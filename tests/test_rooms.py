"""Which folder of the package may import which."""

import ast
import pathlib
import re

import pytest

import fdd

PACKAGE = pathlib.Path(fdd.__file__).parent
ROOMS = (  # Each imports only what stands before it.
    "system",
    "devices",
    "video",
    "pages",
    "models",
    "data",
    "demo",
    "evaluation",
    "runs",
    "training",
    "inference",
    "report",
    "benchmarks",
    "webpage",
)
BELOW_ALL = {
    "declared_types",
    "errors",
    "parts",
    "tables",
}  # Modules at the top that every room may import.


def _imports(file: pathlib.Path) -> set[str]:
    """The rooms, and modules at the top, that a file imports, also late."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fdd":
            inside = node.module.split(".")[1:]
            names |= {inside[0]} if inside else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            parts = (alias.name.split(".") for alias in node.names)
            names |= {each[1] for each in parts if each[0] == "fdd" and len(each) > 1}
    return names


def test_every_room_has_its_place():
    found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert found == {*ROOMS}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room):
    allowed = {*ROOMS[: ROOMS.index(room) + 1], "configs"} | BELOW_ALL
    wrong = {
        f"{file.relative_to(PACKAGE)}: {name}"
        for file in (PACKAGE / room).rglob("*.py")
        for name in _imports(file) - allowed
    }
    assert not wrong


def test_what_lies_beside_the_rooms_imports_little_of_them():
    allowed = {"configs": {"configs"}, "tfds_builders": {"data", "video", "tfds_builders"}}
    for folder, names in allowed.items():
        for file in (PACKAGE.parent / folder).rglob("*.py"):
            assert _imports(file) <= names | BELOW_ALL, file


def test_what_is_below_all_imports_no_room():
    for name in BELOW_ALL:
        assert _imports(PACKAGE / f"{name}.py") <= BELOW_ALL, name


def test_only_devices_asks_what_kind_of_processor_it_is():
    asks = re.compile(r"default_backend|(?<!\bsys)\.platform\b(?!\()|device_kind|jax_platforms")
    found = {
        str(file.relative_to(PACKAGE)): match[0]
        for file in PACKAGE.rglob("*.py")
        if file.parent.name != "devices" and (match := asks.search(file.read_text()))
    }
    assert not found


def test_only_training_keeps_memory():
    asks = {f.name for f in PACKAGE.rglob("*.py") if "runtime.keep_memory()" in f.read_text()}
    assert asks == {"main.py", "bench.py"}
