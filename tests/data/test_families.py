"""Fakes with other numbers of frames than their originals, from the tree to the records."""

import collections
import itertools

import pytest
import tensorflow_datasets as tfds

from fdd import audit
from fdd.data import extraction, records, splits
from fdd.data.builders import celeb_df, faceforensics_tree
from fdd.data.builders.faceforensics import Selection
from fdd.data.clip_config import ClipConfig
from fdd.tfds_builders.celeb_df import celeb_df_dataset_builder as celeb_df_builder
from fdd.tfds_builders.faceforensics import faceforensics_dataset_builder as module
from fdd.video import decode, encode
from tests.data.test_builder import _files, _rows
from tests.video import families

METHODS = tuple(families.LENGTHS)
SETTINGS = {"methods": METHODS, "image_size": 32, "sampling": "consecutive", "clips_per_video": 2}


def _path(root, method, name):
    kind = "original" if method == "youtube" else "manipulated"
    return root / f"{kind}_sequences" / method / "c23/videos" / f"{name}.mp4"


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A pair for training and one for testing: originals of 24 and 32 frames, all methods."""
    root, tints = tmp_path_factory.mktemp("held"), itertools.count(step=14)
    for split in ("train", "test"):
        one, other = splits.official_pairs(split)[0]
        for (target, frames), (source, others) in (
            ((one, 24), (other, 32)),
            ((other, 32), (one, 24)),
        ):
            tint = next(tints)  # No two files are alike.
            families.write_original(_path(root, "youtube", target), frames, tint=tint)
            for method in METHODS:
                path = _path(root, method, f"{target}_{source}")
                families.write_fake(path, method, frames, others, tint=tint)
    return root


def _builder(data_dir, methods=METHODS):
    config = module.FaceForensicsConfig(**SETTINGS | {"methods": methods})
    return module.Builder(config=config, data_dir=data_dir, file_format="array_record")


def _build(builder, root, beam=None):
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=root, beam_options=beam)
    )
    return records.Dataset(builder.data_dir)


@pytest.fixture(scope="module")
def built(held, tmp_path_factory):
    return _build(_builder(tmp_path_factory.mktemp("data")), held)


def _places(dataset):
    """The different (frames, crop) of each clip of each target; their number of videos."""
    places, videos = collections.defaultdict(set), collections.Counter()
    for split in dataset.splits:
        for row in dataset.metadata(split):
            key = row["target"], int(row["clip_index"])
            places[key].add((tuple(row["frame_indices"]), tuple(row["crop_box"])))
            videos[key] += 1
    return places, videos


def test_all_fakes_are_cropped_as_their_originals(built, capsys):
    places, videos = _places(built)
    assert len(places) == 4 * 2
    assert set(videos.values()) == {1 + len(METHODS)}
    assert all(len(each) == 1 for each in places.values())
    # 24 frames are common to all videos of a pair.
    assert {frames[0] for each in places.values() for frames, _ in each} == {0, 14}
    rows = _rows(built.folder / "coverage.csv")
    assert {row["unshared"] for row in rows} == {"0"}
    assert not _rows(built.folder / "failures.csv")
    audit.main([str(built.folder)])
    assert "none has faces or frames of its own" in capsys.readouterr().out


def test_an_interrupted_build_gives_the_same_result(held, built, tmp_path):
    builder = _builder(tmp_path)
    videos = faceforensics_tree.survey(held, Selection(methods=METHODS)).videos
    spec = builder.builder_config.preprocessing
    workspace = extraction.Workspace(tmp_path / "downloads/fdd_clips", spec, videos)
    workspace.run([video for video in videos if video.target == videos[0].target], 1)
    (finished,) = tmp_path.rglob("*.pickle")
    again = _build(builder, held)
    assert not finished.exists()
    assert _files(again.folder) == _files(built.folder)


def test_beam_gives_the_same(held, built, tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra tfds")
    pytest.importorskip("tensorflow", reason="needs the extra tfds")
    from apache_beam.options.pipeline_options import PipelineOptions

    again = _build(_builder(tmp_path), held, PipelineOptions([]))
    assert _files(again.folder) == _files(built.folder)
    for name in ("coverage.csv", "failures.csv"):
        assert (again.folder / name).read_text() == (built.folder / name).read_text()


def test_videos_that_cannot_share_crops_are_counted_named_and_a_leak(held, tmp_path, capsys):
    root = tmp_path / "held"
    for path in held.rglob("*.mp4"):
        link = root / path.relative_to(held)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    other = min(root.glob("manipulated_sequences/FaceSwap/c23/videos/*.mp4"))
    other.unlink()
    encode.write_video(other, [families.frame(index)[8:-8] for index in range(24)], fps=25)
    dataset = _build(_builder(tmp_path, ("FaceSwap",)), root)
    counts = {row["method"]: 0 for row in _rows(dataset.folder / "coverage.csv")}
    for row in _rows(dataset.folder / "coverage.csv"):
        counts[row["method"]] += int(row["unshared"])
    assert counts == {"youtube": 0, "FaceSwap": 1}
    (failure,) = _rows(dataset.folder / "failures.csv")
    assert (failure["video_id"], failure["clip_index"]) == (f"FaceSwap/{other.stem}", "file")
    assert "160×144 pixels, its original's 160×160" in failure["reason"]
    capsys.readouterr()
    assert audit.main([str(dataset.folder)]) == 1
    assert "LEAK: 1 could not be cropped as their original" in capsys.readouterr().out

    table = dataset.folder / "coverage.csv"
    lines = [line.rpartition(",")[0] for line in table.read_text().splitlines()]
    table.write_text("\n".join(lines) + "\n")  # As it was before the column was there.
    audit.main([str(dataset.folder)])
    assert "not recorded" in capsys.readouterr().out
    table.write_text("method,unshared\nFaceSwap,many\n")
    assert audit.main([str(dataset.folder)]) == 2
    assert f"{table} cannot be read" in capsys.readouterr().err


def test_clips_of_a_single_split_are_placed_by_the_whole_family(tmp_path):
    """The test list names one fake; another one of its scene, to train on, is shorter."""
    root = tmp_path / "held"
    families.write_original(root / "Celeb-real/id0_0000.mp4", 40)
    for name, frames in {"id0_id1_0000": 24, "id0_id2_0000": 40}.items():
        path = root / "Celeb-synthesis" / f"{name}.mp4"
        families.write_fake(path, "Deepfakes", frames, frames)
    (root / celeb_df.TEST_LIST).write_text("0 Celeb-synthesis/id0_id2_0000.mp4\n")
    made = []
    for chosen in (("train", "test"), ("test",)):
        config = ClipConfig(image_size=32, splits=chosen)
        data_dir = tmp_path / "+".join(chosen)
        made.append(
            _build(
                celeb_df_builder.Builder(
                    config=config, data_dir=data_dir, file_format="array_record"
                ),
                root,
            )
        )
    name = "celeb_df-test.array_record-00000-of-00001"
    assert _files(made[1].folder) == {name: _files(made[0].folder)[name]}
    assert made[1].metadata("test")[0]["frame_indices"].max() < 24


@pytest.mark.thorough
def test_real_footage_of_genuine_lengths(shared, tmp_path):
    """Two pairs whose originals differ in length; their fakes are cut as methods cut them."""
    whole, root = shared / "mini_ffpp", tmp_path / "held"
    likes = {"youtube": "youtube", "Deepfakes": "Deepfakes", "FaceSwap": "FaceSwap"}
    likes["Face2Face"] = "Deepfakes"
    for target, source in (("012", "026"), ("026", "012"), ("187", "234"), ("234", "187")):
        names = (target, source)
        counts = [decode.probe(_path(whole, "youtube", each)).num_frames for each in names]
        for method, like in likes.items():
            name = target if method == "youtube" else f"{target}_{source}"
            held, path = _path(whole, like, name), _path(root, method, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            wanted = families.shown(method, *counts) if method != "youtube" else range(counts[0])
            info = decode.probe(held)
            if method != "Face2Face" and len(wanted) == info.num_frames:
                path.symlink_to(held)
                continue
            images = dict(decode.read_frames(held, info, wanted))
            encode.write_video(path, [images[index] for index in wanted], fps=round(info.fps))
    dataset = _build(_builder(tmp_path, ("Deepfakes", "FaceSwap", "Face2Face")), root)
    places, videos = _places(dataset)
    assert {target for target, _ in places} == {"012", "026", "187", "234"}
    assert set(videos.values()) == {4}
    assert all(len(each) == 1 for each in places.values())
    assert {row["unshared"] for row in _rows(dataset.folder / "coverage.csv")} == {"0"}
