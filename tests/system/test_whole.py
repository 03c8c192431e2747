"""Files that are written beside their place and then moved there."""

import pytest

from fdd.errors import UserError
from fdd.system import whole


def test_a_file_is_replaced_at_the_end(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    with whole.replaced(file) as partial:
        partial.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_fails_leaves_the_file_as_it_was(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(ValueError, match="broken"), whole.replaced(file) as partial:
        partial.write_text("ne")
        raise ValueError("broken")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    whole.write(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    with pytest.raises(UserError, match=r"missing/file cannot be written: No such file or dir"):
        whole.write(tmp_path / "missing/file", b"content")
