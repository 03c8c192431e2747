"""What tests share: a small drawn tree, a data set built from it, and a config to train on it."""

import atexit
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

# Before NumPy is imported: threads of several processes that wait for each other's cores, spinning,
# made one test of matrices take twenty times its time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import av
import hypothesis
import jax
import ml_collections
import pytest
from huggingface_hub import constants

from fdd import train
from fdd.configs import demo
from fdd.data.records import Dataset
from fdd.demo import DemoSpec, write_tree
from fdd.runs import prepare
from fdd.video import encode, perturbations
from tests import hub as stand_in
from tests import (
    once,
    own_parts,  # noqa: F401 (configs of tests name parts of it)
)

# Most tests compile the same few programs, some in processes of their own: all share one folder. It
# is that of whoever runs the tests, if there is one; otherwise it goes when pytest ends, and the
# processes of pytest-xdist get it from the one that started them.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="fdd_tests_")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update(
    "jax_persistent_cache_min_compile_time_secs",
    float(os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"]),
)

# A shell starts what it puts in the background deaf to Ctrl-C, and its children inherit that: the
# processes that tests interrupt would never hear it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: how long an example takes is the machine's matter. The same examples each time: a run
# that fails can then be repeated, and a change is not blamed for an example that was drawn by
# chance. FDD_TESTS_RANDOM=1 draws others.
hypothesis.settings.register_profile(
    "fdd", deadline=None, derandomize="FDD_TESTS_RANDOM" not in os.environ
)
hypothesis.settings.load_profile("fdd")

SHARED = pathlib.Path(__file__).parents[2] / "shared"
DEMO = {"seed": 1, "train_pairs": 3, "val_pairs": 1, "test_pairs": 2, "num_frames": 20}


def tiny_config(data_dir: pathlib.Path) -> ml_collections.ConfigDict:
    """The shipped demo config, shrunk: 6 + 2 + 4 identities, a few steps of a small network."""
    config = demo.get_config()
    config.data.data_dir = str(data_dir)
    config.data.demo = DEMO
    config.data.image_size = 32
    config.data.clips_per_video = 2
    config.model.encoder = "resnet_tiny"
    config.model.width = 4
    config.model.lstm_features = 8
    config.batch_size = 4
    config.num_steps = 6
    config.eval_every_steps = 2
    config.log_every_steps = 1
    return config


@pytest.fixture(autouse=True)
def _no_process_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kills what a test started and left, so that one that fails does not slow down the others."""
    started, start = [], subprocess.Popen.__init__

    def remembered(process: subprocess.Popen, *args: Any, **settings: Any) -> None:
        start(process, *args, **settings)
        started.append(process)

    monkeypatch.setattr(subprocess.Popen, "__init__", remembered)
    yield
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder of the session's data set, which is built once for all processes."""

    def make(folder: pathlib.Path) -> None:
        prepare.open_dataset(tiny_config(folder).data)

    return once.made(tmp_path_factory, "data", make)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, data_dir: pathlib.Path) -> pathlib.Path:
    """The folder of a run that was not interrupted; each process has a copy."""

    def make(folder: pathlib.Path) -> None:
        with jax.enable_x64(False):  # Whatever the first test that asks for it computes in.
            train.train_and_evaluate(tiny_config(data_dir), folder)

    made = once.made(tmp_path_factory, "finished", make)
    return shutil.copytree(made, tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture
def float64() -> Iterator[None]:
    """Enables float64 in JAX and makes it the default type."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def config(data_dir: pathlib.Path) -> ml_collections.ConfigDict:
    """A config that trains in seconds."""
    return tiny_config(data_dir)


@pytest.fixture
def dataset(config: ml_collections.ConfigDict) -> Dataset:
    """The session's data set: 3 + 1 + 2 pairs, 4 videos per identity, 2 clips per video."""
    return prepare.open_dataset(config.data)


@pytest.fixture(scope="session")
def tree(data_dir: pathlib.Path) -> pathlib.Path:
    """The drawn videos the data set was built from, in the layout of FaceForensics++."""
    root = data_dir / f"demo-{DemoSpec(**DEMO).fingerprint()}" / "videos"
    write_tree(DemoSpec(**DEMO), root)
    return root


@pytest.fixture(scope="session")
def pair(tree: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """An original of the drawn tree, and a fake of it."""
    fake = min(tree.glob("manipulated_sequences/DemoFlicker/c23/videos/*.mp4"))
    return tree / f"original_sequences/youtube/c23/videos/{fake.stem.split('_')[0]}.mp4", fake


@pytest.fixture(scope="session")
def unfamiliar(
    pair: tuple[pathlib.Path, pathlib.Path], tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    """The original of `pair` with hardly any contrast, of which `finished` knows nothing."""
    with av.open(str(pair[0])) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    file = tmp_path_factory.mktemp("unfamiliar") / "dark.mp4"
    encode.write_video(file, perturbations.perturb(frames, kind="contrast", level=5), fps=25)
    return file


@pytest.fixture
def hub(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[stand_in.Hub]:
    """A stand-in for the Hugging Face hub, of which nothing was fetched yet."""
    with stand_in.serving() as served:
        template = served.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield served


@pytest.fixture
def shared() -> pathlib.Path:
    """A folder with real footage and weights, which is not distributed."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder ../shared with real footage, which is not distributed")
    return SHARED


@contextlib.contextmanager
def disk(folder: pathlib.Path, kilobytes: int) -> Iterator[pathlib.Path]:
    """A context with a file system of some size at a new folder."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 400 kB, which is less than two checkpoints of `config`."""
    with disk(tmp_path / "small", 400) as folder:
        yield folder
