"""The wheel and the sdist that `pip` builds from this folder, and fdd from the wheel."""

import json
import os
import pathlib
import subprocess
import sys
import tarfile
import zipfile

import pytest

pytest.importorskip("hatchling", reason="builds the wheel; pip install -e '.[test]'")

ROOT = pathlib.Path(__file__).parents[1]
# In the working folder there is another package of each name that fdd once had at the top.
OTHERS = ("configs", "tfds_builders", "recipes", "tests")
LOOK = """
import importlib, json, pathlib
import fdd
from fdd import configs, recipes
from fdd.runs import prepare
for name in recipes.names():
    importlib.import_module(f"fdd.configs.{name}").get_config()
builders = [importlib.import_module(module).Builder for module in prepare.BUILDERS.values()]
print(json.dumps({
    "places": [*fdd.__path__, *configs.__path__],
    "recipes": recipes.names(),
    "described": [bool(builder.get_metadata().description) for builder in builders],
}))
"""


def _build(kind: str, source: pathlib.Path, place: pathlib.Path) -> pathlib.Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", place]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = place.iterdir()
    return built


def _names(wheel: pathlib.Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return _build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    """A folder in which the wheel is installed."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "--isolated", "install", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-index", "--target", target, wheel], check=True)
    return target


@pytest.fixture
def run(site, tmp_path):
    """Runs Python in an otherwise empty folder, with what is installed and no checkout."""
    for name in OTHERS:
        (tmp_path / f"{name}.py").write_text("raise AssertionError('another package')")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
        )

    return run


def test_the_wheel_holds_the_code_and_what_it_reads(wheel):
    names = _names(wheel)
    assert {name.partition("/")[0] for name in names} == {"fdd"}
    expected = {
        file.relative_to(ROOT).as_posix()
        for folder in ("fdd", "configs", "tfds_builders")
        for file in (ROOT / folder).rglob("*.py")
        if not file.name.endswith("_test.py")
    }
    expected = {name if name.startswith("fdd/") else f"fdd/{name}" for name in expected}
    assert {name for name in names if name.endswith(".py")} == expected
    others = {pathlib.PurePath(name).suffix for name in names - expected}
    assert others == {".md", ".json", ".onnx", ".css", ".js", ".bib", ".txt", ""}
    assert {name for name in names if "." not in name} == {"fdd/video/yunet/LICENSE"}
    assert sum(info.file_size for info in zipfile.ZipFile(wheel).infolist()) < 2**21


def test_the_sdist_holds_the_tests_and_makes_the_same_wheel(wheel, tmp_path):
    with tarfile.open(_build("sdist", ROOT, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("fdd-*")
    for name in ("tests/conftest.py", "launch/Dockerfile", "fdd/demo/images/web.png", "LICENSE"):
        assert (unpacked / name).is_file(), name
    dummies = "tfds_builders/faceforensics/dummy_data"
    assert any((unpacked / dummies).rglob("*.mp4"))
    assert not {"data", "runs", ".git"} & {path.name for path in unpacked.iterdir()}
    assert _names(_build("wheel", unpacked, tmp_path / "again")) == _names(wheel)


def test_recipes_and_builders_are_found_in_the_package(run, site):
    done = run("-O", "-c", LOOK)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"demo", "resnet_lstm"} <= {*found["recipes"]}
    assert found["recipes"] == sorted({f.stem for f in (ROOT / "configs").glob("[!_]*.py")})
    assert all(found["described"])
    assert found["places"] == [str(site / "fdd"), str(site / "fdd/configs")]


def test_a_recipe_by_name(run):
    """The error about a missing key shows that it was loaded; a variant may follow the name."""
    for config in ("demo", "resnet_lstm:face"):
        done = run("-m", "fdd.main", f"--config={config}", "--config.batchsize=3")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "no such key: 'batchsize'" in done.stderr
    done = run("-m", "fdd.main", "--config=dmeo")
    assert "those of fdd can be given by name: demo, " in done.stderr


def test_an_answer(run, finished, pair):
    done = run("-O", "-m", "fdd.predict", f"--workdir={finished}", "--json", str(pair[1]))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] in ("real", "fake")
