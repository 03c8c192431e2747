"""Behaviour of the demo's tree, through the project's own decoder."""

import contextlib
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from fdd.data import splits
from fdd.demo import DemoSpec, forgeries, tree, write_tree
from fdd.video import decode

SPEC = DemoSpec(train_pairs=1, val_pairs=0, test_pairs=1, num_frames=20, size=96)
TARGETS = [ids for pair in SPEC.pairs() for ids in (pair, pair[::-1])]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "tree"
    write_tree(SPEC, folder, num_processes=1)
    return folder


def _contents(folder) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _frames(path) -> list[bytes]:
    info = decode.probe(path)
    indices = range(info.num_frames)
    return [frame.tobytes() for _, frame in decode.read_frames(path, info, indices)]


def test_layout_is_that_of_faceforensics(root):
    expected = {"demo.json"}
    for a, b in (splits.official_pairs("train")[0], splits.official_pairs("test")[0]):
        expected |= {f"original_sequences/youtube/c23/videos/{i}.mp4" for i in (a, b)}
        for method in ("DemoIdentitySwap", "DemoFlicker", "DemoReorder"):
            folder = f"manipulated_sequences/{method}/c23/videos"
            expected |= {f"{folder}/{a}_{b}.mp4", f"{folder}/{b}_{a}.mp4"}
    assert set(_contents(root)) == expected


def test_videos_are_as_specified(root):
    for path in root.rglob("*.mp4"):
        info = decode.probe(path)
        assert (info.num_frames, info.height, info.width, info.fps) == (20, 96, 96, 25)


def test_files_do_not_depend_on_the_number_of_processes(root, tmp_path):
    write_tree(SPEC, tmp_path, num_processes=2)
    assert _contents(tmp_path) == _contents(root)


def test_another_seed_gives_other_people(root, tmp_path):
    spec = dataclasses.replace(SPEC, seed=1, test_pairs=0)
    write_tree(spec, tmp_path, num_processes=1)
    a = splits.official_pairs("train")[0][0]
    path = tree.original_path(tmp_path, a)
    assert path.read_bytes() != tree.original_path(root, a).read_bytes()


def test_decoded_reorder_windows_hold_the_originals_frames_in_another_order(root):
    a, b = splits.official_pairs("test")[0]
    original = _frames(tree.original_path(root, a))
    forged = _frames(tree.forgery_path(root, forgeries.REORDER, a, b))
    for start in (0, 10):
        given, shown = (video[start : start + 10] for video in (original, forged))
        assert len(set(given)) == 10
        assert sorted(given) == sorted(shown)
        assert given != shown
        places = np.array([given.index(frame) for frame in shown])
        assert (np.abs(np.diff(places)) == 1).sum() <= 1


def test_decoded_forgeries_keep_the_originals_surroundings(root):
    a, b = splits.official_pairs("train")[0]
    original = np.frombuffer(b"".join(_frames(tree.original_path(root, a))), np.uint8)
    original = original.reshape(20, 96, 96, 3)
    for method in (forgeries.IDENTITY_SWAP, forgeries.FLICKER):
        forged = np.frombuffer(b"".join(_frames(tree.forgery_path(root, method, a, b))), np.uint8)
        change = np.abs(forged.reshape(original.shape).astype(int) - original)
        border = np.concatenate([change[:, :, :12], change[:, :, -12:]], axis=2)
        assert border.mean() < 0.3
        assert change.mean() > 4 * border.mean()


def test_the_size_of_a_file_does_not_tell_real_from_fake(root):
    for target, source in TARGETS:
        files = [tree.original_path(root, target)]
        files += [tree.forgery_path(root, name, target, source) for name in forgeries.METHODS]
        assert len({file.stat().st_size for file in files}) == 1


def test_complete_tree_is_left_alone(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    write_tree(SPEC, root, num_processes=1)
    assert before == {path: path.stat().st_mtime_ns for path in root.rglob("*")}


def test_interrupted_tree_is_completed(root, tmp_path):
    contents = _contents(root)
    (tmp_path / "tree").mkdir()
    stopped, _ = TARGETS[0]
    missing = sorted(name for name in contents if f"/{stopped}" in name)[1:3]
    for name, content in contents.items():
        path = tmp_path / "tree" / name.replace("demo.json", "demo.partial.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        if name not in missing:
            path.write_bytes(content)
    others = (p for p in (tmp_path / "tree").rglob("*.mp4") if not p.name.startswith(stopped))
    kept = {path: path.stat().st_mtime_ns for path in others}
    write_tree(SPEC, tmp_path / "tree", num_processes=1)
    assert _contents(tmp_path / "tree") == contents
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_failure_leaves_the_tree_marked_as_incomplete(tmp_path, monkeypatch):
    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(tree.encode, "write_video", fail)
    with pytest.raises(OSError, match="disk full"):
        write_tree(SPEC, tmp_path, num_processes=1)
    assert set(_contents(tmp_path)) == {"demo.partial.json"}


@pytest.mark.parametrize("marker", ["demo.json", "demo.partial.json"])
def test_tree_of_another_specification_is_refused(tmp_path, marker):
    (tmp_path / marker).write_text(json.dumps({"fingerprint": "0123456789ab"}))
    with pytest.raises(ValueError, match="holds the demo 0123456789ab") as error:
        write_tree(SPEC, tmp_path)
    assert "\n" not in str(error.value)


def test_folder_of_real_videos_is_refused(tmp_path):
    (tmp_path / "original_sequences").mkdir()
    with pytest.raises(ValueError, match="not the demo's"):
        write_tree(SPEC, tmp_path)
    assert set(_contents(tmp_path)) == set()


def test_demo_json_tells_the_specification(root):
    record = json.loads((root / "demo.json").read_text())
    assert DemoSpec(**record["spec"]) == SPEC
    assert record["fingerprint"] == SPEC.fingerprint()


def test_fingerprint_depends_on_every_field():
    changed = {field.name: getattr(SPEC, field.name) + 1 for field in dataclasses.fields(SPEC)}
    changed |= {"num_frames": 30, "size": 104}
    prints = {dataclasses.replace(SPEC, **{k: v}).fingerprint() for k, v in changed.items()}
    assert len(prints | {SPEC.fingerprint()}) == len(changed) + 1


@pytest.mark.parametrize(
    "wrong",
    [{"num_frames": 25}, {"num_frames": 0}, {"size": 100}, {"qp": 52}, {"test_pairs": 71}],
)
def test_impossible_specifications_are_refused(wrong):
    with pytest.raises(ValueError):
        dataclasses.replace(SPEC, **wrong)


def test_workers_import_neither_jax_nor_tensorflow():
    code = "import sys, fdd.demo.tree; print({'jax', 'tensorflow'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_damaged_marker_is_named(tmp_path, content):
    marker = tmp_path / "demo.partial.json"
    marker.write_text(content)
    with pytest.raises(ValueError, match=r"demo\.partial\.json is damaged: delete the folder"):
        write_tree(SPEC, tmp_path, num_processes=1)


def test_a_full_disk_leaves_no_damaged_marker(small_disk):
    (small_disk / "fill").write_bytes(bytes(300_000))
    with contextlib.suppress(OSError):
        (small_disk / "more").write_bytes(bytes(200_000))
    with pytest.raises(OSError, match="No space left on device"):
        write_tree(SPEC, small_disk / "tree", num_processes=1)
    assert not list((small_disk / "tree").iterdir())
