import codecs
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fdd.data import text_files
from fdd.data.builders import celeb_df, dfdc, folder_paths
from fdd.errors import UserError

COLUMNS = {"video": ("video", "file", "name"), "group": ("group",)}
CODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252")
# What cp1252 holds, so that every coding can write it; without spaces at the ends.
CELLS = st.text(st.sampled_from("aZ09 ü€ß,;|\t'\"/\\_-.()#"), min_size=1, max_size=12).map(
    lambda text: text.strip() or "x"
)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5),
    coding=st.sampled_from(CODINGS),
    delimiter=st.sampled_from(text_files.DELIMITERS),
    line_end=st.sampled_from(("\n", "\r\n", "\r")),
    quoting=st.sampled_from((csv.QUOTE_ALL, csv.QUOTE_MINIMAL)),
    swapped=st.booleans(),
    odd=st.sampled_from(("", "blank lines", "trailing", "sep=", "extra column")),
)
def test_any_table_is_read_as_it_was_written(
    rows, coding, delimiter, line_end, quoting, swapped, odd
):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    if odd == "sep=":
        text.write(f"sep={delimiter}{line_end}")
    more = {"trailing": [""], "extra column": ["x"]}.get(odd, [])
    for row in [("File", " GROUP "), *rows]:
        writer.writerow([*(row[::-1] if swapped else row), *more])
        if odd == "blank lines":
            text.write(line_end)
    data = text.getvalue().encode(coding)
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF32_LE, codecs.BOM_UTF8)):
        data = data.decode(coding).encode(coding)
    read, _ = text_files.decoded(data, "a.csv")
    found = [values for _, values in text_files.table(read, "a.csv", COLUMNS)]
    assert found == [{"video": video, "group": group} for video, group in rows]


READERS = (
    lambda text: text_files.table(text, "a.csv", COLUMNS),
    lambda text: text_files.json_object(text, "a.json"),
    folder_paths.read_groups,
    celeb_df.read_test_list,
    lambda text: dfdc.read_entries(text, "labels.csv"),
    lambda text: dfdc.read_entries(text, "metadata.json"),
)


@settings(max_examples=300, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=60),
        st.text('video,group;\t"\n\r{}[]:01 mp4/', max_size=60).map(str.encode),
    ),
    prefix=st.sampled_from(
        (b"", b"video,group\n", b'{"a.mp4": ', b"filename,label\n", b"\xff\xfe")
    ),
    reader=st.sampled_from(READERS),
)
def test_any_bytes_are_read_or_refused_in_one_line(data, prefix, reader):
    try:
        text, _ = text_files.decoded(prefix + data, "a.csv")
        reader(text)
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a.csv, line 1: expected the columns video,group in the first line, not ''"),
        ("video,team\nx,y\n", "a.csv, line 1: expected the columns video,group"),
        (
            "video,group\nx,y\nx,Miller, Ann\n",
            "a.csv, line 3: 3 values, but the first line names 2",
        ),
        ('video,group\nx,"y\n', "a.csv, line 2: unexpected end of data"),
        ("video;group;video\nx;y;z\n", "two columns 'video'"),
        ("file,group,name\nx,y,z\n", "line 1: 'file' and 'name' may both be the column 'video'"),
    ],
)
def test_a_table_that_is_refused(text, reason):
    with pytest.raises(UserError, match=reason):
        text_files.table(text, "a.csv", COLUMNS)


def test_a_guessed_encoding_is_printed(tmp_path, capsys):
    path = tmp_path / "groups.csv"
    path.write_bytes("video,group\nreal/a.mp4,Müller\n".encode("cp1252"))
    assert "Müller" in text_files.read(path)
    assert "read as Windows-1252" in capsys.readouterr().out
    path.write_bytes("video,group\nreal/a.mp4,Müller\n".encode())
    assert "Müller" in text_files.read(path)
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("[1]", "it is no object"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 10_000, "limit"),
        ('{"a": 1, "a": 2}', "two things of 'a'"),
        ("", "Expecting value"),
    ],
)
def test_json_that_is_refused(text, reason):
    with pytest.raises(UserError, match=r"a\.json is not understood") as error:
        text_files.json_object(text, "a.json")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"cannot be read: Is a directory"):
        text_files.read(tmp_path)
    (tmp_path / "a").write_bytes(b"\x81\x8d\xff")
    with pytest.raises(UserError, match="is no text file"):
        text_files.read(tmp_path / "a")
    monkeypatch.setattr(text_files, "MAX_BYTES", 2)
    with pytest.raises(UserError, match="more than any list of videos"):
        text_files.read(tmp_path / "a")
