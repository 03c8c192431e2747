import os
import shutil
import time

import pytest

from fdd.video import files, named


def _touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def _named(ignored):
    return {each.path: each.reason for each in ignored}


@pytest.mark.parametrize(
    "name", ["a.mp4", "a.MP4", "a.MTS", "a.3gp", "a.flv", "a.wmv", "a.ts", "a.b.Mkv", "ü.webm"]
)
def test_a_video_by_its_name(name):
    assert files.is_video(name)


@pytest.mark.parametrize("name", ["a.txt", "a", "a.gif", "mp4", "a.mp4.part", "a.jpg", "a.mp3"])
def test_no_video_by_its_name(name):
    assert not files.is_video(name)


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("974 (1)", "974"),
        ("974(2)", "974"),
        ("974 - Copy", "974"),
        ("974 - Copy (3)", "974"),
        ("974 copy 2", "974"),
        ("974", "974"),
        ("(1)", "(1)"),
        ("id0_0000", "id0_0000"),
    ],
)
def test_names_of_copies(name, original):
    assert files.original_name(name) == original


def test_a_loop_of_links_gives_each_video_once(tmp_path):
    _touch(tmp_path, "a/x.mp4", "b/y.mp4")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "b/to_a").symlink_to(tmp_path / "a")
    (tmp_path / "a/to_b").symlink_to(tmp_path / "b")
    found, ignored = files.walk(tmp_path)
    taken, others = files.once(found)
    assert [file.path for file in taken] == ["a/x.mp4", "b/y.mp4"]
    assert _named(ignored)["a/loop"] == "a link to a folder that it is in"
    assert "a second name of a file: b/y.mp4" in _named(others).values()


def test_many_folders_that_all_link_to_each_other_take_no_time(tmp_path):
    for number in range(12):
        _touch(tmp_path, f"top/in/side/{number}/a.mp4")
    for number in range(12):
        for other in range(12):
            (tmp_path / f"top/in/side/{number}/{other}").symlink_to(f"../{other}")
    start = time.perf_counter()
    found, _ = files.walk(tmp_path)
    assert time.perf_counter() - start < 5  # Without a limit it would be 12! paths.
    assert len(files.once(found)[0]) == 12


def test_linked_folders_and_files_are_found(tmp_path):
    _touch(tmp_path, "elsewhere/deep/a.mp4", "held/b.mp4")
    held = tmp_path / "held"
    (held / "linked").symlink_to(tmp_path / "elsewhere")
    (held / "c.mp4").symlink_to("b.mp4")
    os.link(held / "b.mp4", held / "d.mp4")
    found, notes = named.find_videos([str(held)])
    assert found == [f"{held}/b.mp4", f"{held}/linked/deep/a.mp4"]
    assert notes == [
        f"passed over in {held}: a second name of a file (2)",
        f"{held}/c.mp4: a second name of a file: b.mp4",
        f"{held}/d.mp4: a second name of a file: b.mp4",
    ]
    assert named.find_videos([f"{held}/d.mp4", f"{held}/c.mp4"])[0] == [f"{held}/d.mp4"]


def test_what_is_passed_over_has_a_reason(tmp_path):
    _touch(tmp_path, "._a.mp4", ".DS_Store", ".git/a.mp4", "Thumbs.db", "a.txt", "b.gif", "c")
    _touch(tmp_path, "x.mp4/inside.mp4")
    (tmp_path / "gone.mp4").symlink_to("nothing.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    found, ignored = files.walk(tmp_path)
    reasons = _named(ignored) | {f.path: files.why_no_video(tmp_path, f.path) for f in found}
    assert reasons == {
        "._a.mp4": "a file of macOS about another one",
        ".DS_Store": "hidden",
        ".git": "a hidden folder",
        "Thumbs.db": "no video by its name: .db",
        "a.txt": "no video by its name: .txt",
        "b.gif": "a GIF picture: its 256 colours hide the traces of a forgery",
        "c": "no video by its name: no ending",
        "gone.mp4": "a link to nothing",
        "pipe.mp4": "no file but a pipe",
        "x.mp4": "a folder, though its name ends as a video's",
        "x.mp4/inside.mp4": "",
    }
    assert files.summary(ignored, 1) == "hidden (1); other reasons (5)"
    _, notes = named.find_videos([str(tmp_path)])
    assert "no video by its name (3)" in notes[0]
    assert notes[1:] == [
        f"{tmp_path}/gone.mp4: a link to nothing",
        f"{tmp_path}/pipe.mp4: no file but a pipe",
        f"{tmp_path}/x.mp4: a folder, though its name ends as a video's",
    ]


def test_a_video_without_an_ending_is_recognised(tree, tmp_path):
    video = next(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))
    shutil.copy(video, tmp_path / "tmpsssihcem")
    reason = files.why_no_video(tmp_path, "tmpsssihcem")
    assert reason.startswith("a video by its content") and "tmpsssihcem.mp4" in reason


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    """As permissions do not stop root, the system call is made to fail."""
    _touch(tmp_path, "shut/a.mp4", "b.mp4")
    scandir = os.scandir

    def denied(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    found, ignored = files.walk(tmp_path)
    assert [file.path for file in found] == ["b.mp4"]
    assert _named(ignored) == {"shut": "a folder that cannot be read: Permission denied"}


def test_many_files_take_no_time(tmp_path):
    for folder in range(4):
        (tmp_path / str(folder)).mkdir()
        for number in range(1000):
            (tmp_path / f"{folder}/{number}.mp4").touch()
    start = time.perf_counter()
    found, _ = files.walk(tmp_path)
    assert len(found) == 4_000
    assert time.perf_counter() - start < 2
