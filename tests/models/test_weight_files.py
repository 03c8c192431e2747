"""Malicious or damaged weights: one line each."""

import json
import pathlib
import struct

import h5py
import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from fdd.errors import UserError
from fdd.models.weights import keras, safetensors_file

TENSOR = {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}


def _safetensors(file, header, content=bytes(48), length=None):
    """The format: the header's length in 8 bytes, the header in JSON, the numbers."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + content)
    return file


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(({}, b"", 2**60), id="a header of 2^60 bytes"),
        pytest.param(({}, b"", 2**64 - 1), id="a header of 2^64 bytes"),
        pytest.param((b"x" * 60,), id="no JSON"),
        pytest.param(([1, 2],), id="a list"),
        pytest.param(({"a": TENSOR}, bytes(20)), id="cut off"),
        pytest.param(({"a": TENSOR | {"data_offsets": [0, 2**50]}},), id="beyond the file"),
        pytest.param(({"a": TENSOR | {"data_offsets": [40, 2]}},), id="backwards"),
        pytest.param(({"a": TENSOR | {"shape": [2**40, 2**40]}},), id="a huge shape"),
        pytest.param(({"a": TENSOR | {"shape": [-3, 4]}},), id="a negative shape"),
        pytest.param(({"a": TENSOR, "b": TENSOR},), id="two at one place"),
        pytest.param(
            ({"a": TENSOR | {"dtype": "F8_E4M3", "shape": [48]}},), id="a type NumPy lacks"
        ),
        pytest.param(({"a": TENSOR | {"dtype": "X"}},), id="an unknown type"),
    ],
)
def test_damaged_safetensors(tmp_path, arguments):
    file = _safetensors(tmp_path / "a.safetensors", *arguments)
    with pytest.raises(UserError, match=r"is not a safetensors file that can be read") as raised:
        safetensors_file.read(file)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "said",
    [
        "no JSON",
        "[]",
        "[" * 100_000,
        '{"model": 3}',
        '{"model": {"mean": "abc", "std": [1, 1, 1], "version": "v1"}}',
        '{"model": {"mean": [1, 1, 1e999], "std": [1, 1, 1], "version": "v1"}}',
        '{"model": {"mean": [1, 1, 1], "std": [1, 0, 1], "version": "v1"}}',
        '{"model": {"mean": [1, 1], "std": [1, 1], "version": "v1"}}',
    ],
    ids=lambda said: said[:40],
)
def test_what_a_header_says_of_a_run_may_be_anything(tmp_path, said):
    header = {"__metadata__": {"fdd_config": said}, "a": TENSOR}
    file = _safetensors(tmp_path / "a.safetensors", header)
    with pytest.raises(UserError, match="the description of the run in its header is damaged"):
        safetensors_file.origin(file)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
TENSORS = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BF16", "I64", "BOOL", "F8_E5M2", "F4"]) | JSON,
        "shape": st.lists(st.integers(-1, 2**33), max_size=3) | JSON,
        "data_offsets": st.lists(st.integers(-1, 60), min_size=2, max_size=2) | JSON,
    }
)
HEADERS = st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), TENSORS | JSON) | JSON


@hypothesis.given(header=HEADERS, size=st.integers(0, 60))
def test_any_header_gives_tensors_or_one_line(tmp_path_factory, header, size):
    file = tmp_path_factory.getbasetemp() / "any.safetensors"
    _safetensors(file, header, bytes(size))
    for read in (safetensors_file.origin, safetensors_file.read):
        try:
            found = read(file)
        except UserError as error:
            assert "\n" not in str(error)
        else:
            tensors = found.values() if isinstance(found, dict) else ()
            assert sum(tensor.nbytes for tensor in tensors) <= size


def _external_link(file):
    file["model_weights"] = h5py.ExternalLink("other.h5", "/")


def _external_storage(file):
    file.create_dataset("a/kernel", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def _virtual(file):
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "a/secret", shape=(3,))
    file.create_virtual_dataset("a/kernel", layout)


def _huge(file):
    """Chunks that were never written take no room on disk."""
    file.create_dataset("a/kernel", (2**40,), "f4", chunks=(1024,))


def _twice(file):
    """Two networks in one file, of which only one could be taken."""
    for network in ("a", "b"):
        file[f"{network}/conv1/kernel:0"] = np.zeros(3, np.float32)


def _no_group(file):
    file["model_weights"] = np.zeros(3)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (_external_link, "it takes tensors from other files"),
        (_external_storage, "it takes tensors from other files"),
        (_virtual, "it takes tensors from other files"),
        (_huge, "its tensors are too large"),
        (_twice, "it holds conv1/kernel twice"),
        (_no_group, ""),
    ],
)
def test_hostile_hdf5(tmp_path, write, reason):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["a/secret"] = np.ones(3, np.float32)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        write(file)
    with pytest.raises(UserError, match=rf"is not an HDF5 file that can be read \({reason}"):
        keras.read(tmp_path / "a.h5")


def test_links_in_hdf5_lead_nowhere(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret/kernel"] = np.ones(3, np.float32)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = h5py.ExternalLink("other.h5", "/secret")
        file["b"] = h5py.SoftLink("/nowhere")
        file["c/again"] = file["/"]
        file["c/kernel:0"] = np.zeros(2, np.float32)
    assert list(keras.read(tmp_path / "a.h5")) == ["c/kernel"]


@hypothesis.given(data=st.data())
@hypothesis.settings(max_examples=40)
def test_damaged_hdf5_gives_tensors_or_one_line(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.h5"
    content = _hdf5(path)
    start = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:start]
    else:
        content[start : start + 8] = data.draw(st.binary(min_size=8, max_size=8))
    path.write_bytes(content)
    try:
        keras.read(path)
    except UserError as error:
        assert "\n" not in str(error)


def _hdf5(path: pathlib.Path) -> bytearray:
    with h5py.File(path, "w") as file:
        file["conv1/kernel:0"] = np.zeros((2, 3), np.float32)
    return bytearray(path.read_bytes())
