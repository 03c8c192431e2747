import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

import fdd
from fdd import predict
from fdd.errors import UserError
from fdd.evaluation.scores import score
from fdd.video import encode, named
from fdd.video.prefetch import extract
from tests import on_devices
from tests.rounding import LOGIT


@pytest.fixture(scope="module")
def detector(finished):
    return fdd.Detector.load(finished)


def _originals(tree):
    return sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))


def _run(capsys, *arguments):
    """Exit status, standard output and standard error of the command."""
    status = 0
    try:
        predict.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = stop.code
    out, err = capsys.readouterr()
    if isinstance(status, str):  # Python prints it and exits with 1.
        status, err = 1, f"{err}{status}\n"
    return status, out, err


def test_a_video_of_the_data_set_gets_the_logits_that_evaluation_gave(detector, dataset, tree):
    """Only of originals, since a fake's clips are cut at the place of its original's face."""
    scores = score(detector.eval_step, detector.state, dataset, "test", 4)
    videos = {video.stem: video for video in _originals(tree)}
    compared = 0
    for number, video_id in enumerate(scores.video_ids):
        method, name = video_id.split("/")
        if method == "youtube":
            (person,) = detector.predict(videos[name]).people
            (clip,) = [c for c in person.clips if c.index == scores.clip_indices[number]]
            assert clip.logit == pytest.approx(scores.logits[number], abs=LOGIT)
            compared += 1
    assert compared == 8


def test_clips_are_what_records_hold(detector, dataset, tree):
    """They are equal bit for bit, so that only the order of sums can differ."""
    records = dataset.source("test")
    rows = [index for index, row in enumerate(dataset.metadata("test")) if row["label"] == 0]
    for index in rows[:3]:
        record = records[index]
        name = record["video_id"].split("/")[1]
        (video,) = [each for each in _originals(tree) if each.stem == name]
        clips = extract(video, detector.preprocessing).people[0]
        (clip,) = [clip for clip in clips if clip.index == record["clip_index"]]
        np.testing.assert_array_equal(clip.images(), np.stack(record["frames"]))


def test_many_videos_decoded_ahead_are_classified_as_each_alone(detector, tree):
    paths = [*_originals(tree)[:6], "no such file"]
    together = list(detector.predict_all(paths))
    assert [each.path for each in together] == [str(path) for path in paths]
    assert together == [detector.predict(path) for path in paths]
    assert together[-1].reason == "unreadable"


def test_json_lines_and_status(finished, tree, tmp_path, capsys):
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(_originals(tree)[0], folder / "a.mp4")
    (folder / "notes.txt").write_text("no video")
    status, out, err = _run(capsys, f"--workdir={finished}", "--json", folder)
    assert status == 0
    (answer,) = map(json.loads, out.splitlines())
    assert answer["path"] == str(folder / "a.mp4")
    assert answer["verdict"] in ("fake", "real")
    assert len(answer["people"][0]["clips"]) == answer["num_clips"] == 2
    assert "no video by its name (1)" in err
    grey = np.full((64, 64, 3), 90, np.uint8)
    encode.write_video(folder / "grey.mp4", [grey] * 20, fps=25)
    encode.write_video(folder / "short.mp4", [grey] * 9, fps=25)
    (folder / "empty.mp4").touch()
    status, out, err = _run(capsys, f"--workdir={finished}", "--json", folder)
    assert status == 3
    reasons = {
        json.loads(line)["path"][-9:]: json.loads(line)["reason"] for line in out.splitlines()
    }
    assert list(reasons.values()) == [None, "unreadable", "no face", "too short"]
    assert "3 of 4 videos got no answer" in err
    status, out, _ = _run(capsys, f"--workdir={finished}", folder / "notes.txt")
    assert (status, out.count("no answer, unreadable")) == (3, 1)


def test_wrong_usage_ends_with_one_line(finished, tmp_path, capsys):
    for arguments, message in (
        ([], "--workdir"),
        ([f"--workdir={finished}"], "VIDEO"),
        ([f"--workdir={finished}", tmp_path / "no.mp4"], "there is no file"),
        ([f"--workdir={finished}", tmp_path / "*.mp4"], "no file matches"),
        ([f"--workdir={finished}", tmp_path], "holds no video"),
    ):
        status, out, err = _run(capsys, *arguments)
        assert (status, out) == (2, "")
        assert message in err and len(err.splitlines()) == 1
    status, _, err = _run(capsys, f"--workdir={tmp_path}", __file__)
    assert status == 1 and "holds no run" in err and len(err.splitlines()) == 1


def test_other_preprocessing_is_refused(detector):
    other = dataclasses.replace(detector, fingerprint="0" * 16)
    with pytest.raises(UserError, match="another version"):
        other.predict("a.mp4")


def test_files_folders_and_globs(tmp_path):
    names = ["b.mp4", "a.MKV", "sub/c.webm", "sub/notes.txt", "[x].mp4", "new\nline.mp4"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, notes = named.find_videos([str(tmp_path)])
    assert {os.path.relpath(file, tmp_path) for file in found} == set(names) - {"sub/notes.txt"}
    assert len(notes) == 1
    found, _ = named.find_videos([f"{tmp_path}/[x].mp4"])
    assert found == [f"{tmp_path}/[x].mp4"]
    found, notes = named.find_videos([f"{tmp_path}/b.mp4", f"{tmp_path}/*.mp4"])
    assert found[0] == f"{tmp_path}/b.mp4" and len(found) == 3
    assert "named twice" in notes[0]
    found, _ = named.find_videos([f"{tmp_path}/**/*.webm"])
    assert found == [f"{tmp_path}/sub/c.webm"]


def test_pages_are_self_contained_and_separate(finished, tree, tmp_path, capsys):
    name = "a <b> *c* ü'.mp4"
    for folder, video in zip(("one", "two"), _originals(tree), strict=False):
        (tmp_path / folder).mkdir()
        shutil.copy(video, tmp_path / folder / name)
    (tmp_path / "two" / "empty.mp4").touch()
    out = tmp_path / "out"
    status, text, _ = _run(
        capsys,
        f"--workdir={finished}",
        "--json",
        f"--out={out}",
        tmp_path / "one",
        tmp_path / "two",
    )
    assert status == 3
    answers = [json.loads(line) for line in text.splitlines()]
    files = [answer[kind] for answer in answers for kind in ("page", "picture")]
    assert len(set(files)) == 6 == len(list(out.iterdir()))
    pages = [pathlib.Path(answer["page"]).read_text("utf-8") for answer in answers]
    for page in pages:
        assert not re.search(r'(src|href)="(?!data:)', page)
        assert "<b>" not in page and "<em>c</em>" not in page
        assert "data:image/png;base64," in page
    assert pages[0] != pages[1]
    assert "Grad-CAM" in pages[0] and "no answer" in pages[2].lower()
    picture = pathlib.Path(answers[0]["picture"])
    first = picture.read_bytes()
    _run(capsys, f"--workdir={finished}", f"--out={out}", tmp_path / "one")
    assert picture.read_bytes() == first
    blocked = tmp_path / "one" / name / "out"
    status, _, err = _run(capsys, f"--workdir={finished}", f"--out={blocked}", tmp_path / "one")
    assert status == 1 and "cannot be written" in err and len(err.splitlines()) == 1


def test_real_clips(detector, shared):
    anyway = dataclasses.replace(detector, answer_anyway=True)  # The detector knows drawings alone.
    answers = {each.path: each for each in anyway.predict_all(sorted((shared / "clips").iterdir()))}
    by_name = {os.path.basename(path): answer for path, answer in answers.items()}
    assert by_name.pop("no_face.mp4").reason == "no face"
    for name in ("face_noface.mov", "noface_face.mov"):
        half = by_name.pop(name)
        assert half.person == 1
        assert 0 < half.frames_with_face < half.frames_searched
    assert {answer.reason for answer in by_name.values()} == {None}
    video = next((shared / "mini_ffpp").rglob("*.mp4"))
    assert anyway.predict(video).verdict in ("fake", "real")


def test_on_two_devices(finished, detector, tree):
    video = _originals(tree)[0]
    command = [sys.executable, "-m", "fdd.predict", f"--workdir={finished}", "--json", str(video)]
    flags = on_devices.flags(2)
    done = subprocess.run(
        command, env={**os.environ, "XLA_FLAGS": flags}, capture_output=True, text=True, check=True
    )
    assert len(jax.devices()) == 1
    answer, here = json.loads(done.stdout), detector.predict(video)
    assert answer["logit"] == pytest.approx(here.logit, abs=LOGIT)
    assert not done.stderr


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path):
    (tmp_path / "a.mp4").touch()
    os.mkfifo(tmp_path / "b.mp4")
    found, notes = named.find_videos([str(tmp_path)])
    assert found == [str(tmp_path / "a.mp4")]
    assert notes == [
        f"passed over in {tmp_path}: no file but a pipe (1)",
        f"{tmp_path}/b.mp4: no file but a pipe",
    ]


def test_all_kinds_of_names_on_an_ascii_terminal(finished, tree, tmp_path):
    """One call for all, since each call loads a detector. Some names are not valid text."""
    source = sorted(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))[0]
    names = ["12:30:05.mp4", "-leading.mp4", "[1].mp4", "видео.mp4", os.fsdecode(b"caf\xe9.mp4")]
    for name in names:
        shutil.copy(source, os.path.join(tmp_path, name))
    command = [sys.executable, "-m", "fdd.predict", f"--workdir={finished.resolve()}"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "LANG": "C"}
    environment["PYTHONPATH"] = str(pathlib.Path(predict.__file__).parents[1])
    quoted = " ".join(map(shlex.quote, command))
    done = subprocess.run(
        ["bash", "-c", f'{quoted} "$@" <(cat {shlex.quote(str(source))}) /dev/stdin', "_", *names],
        cwd=tmp_path, env=environment, capture_output=True, stdin=source.open("rb"),
    )  # fmt: skip
    out = done.stdout.decode("ascii")
    assert done.returncode == 0, done.stderr
    shown = re.findall(r"^(\S.*): (?:real|fake), probability of fake", out, re.MULTILINE)
    assert len(shown) == len(names) + 2
    assert shown[0] == "12:30:05.mp4" and shown[1].endswith("-leading.mp4")
    assert shown[4] == r"'caf\udce9.mp4'"
