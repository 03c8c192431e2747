import json
import subprocess
import sys

import pytest

from fdd import benchmarks
from fdd.configs import resnet_lstm
from fdd.errors import UserError
from fdd.training import counted, fit
from tests import kill_and_resume


def test_train_steps_on_random_clips_and_on_data(config):
    config.model.encoder = kill_and_resume.QUICK
    found = benchmarks.measure_steps("train", config, 3)
    assert found["clips_per_second"] == config.batch_size / found["seconds"]["median"]
    assert found["seconds"]["low"] <= found["seconds"]["median"] <= found["seconds"]["high"]
    assert 0 < found["fraction_of_matmul"] < 1  # A hundredth: a tiny network's time is overhead.
    assert found["memory_peak_gib"] > 0
    assert 0 <= found["on_data"]["input_wait"] < 1
    assert found["on_data"]["clips_per_second"] > 0
    json.dumps(found)


@pytest.mark.thorough
def test_operations_are_those_of_the_paper():
    # He et al. count 1.8e9 multiply-adds for an image of 224 × 224 in ResNet-18, and leave out what
    # is no convolution. The count is of the program, so the machine has no part in it.
    config = resnet_lstm.get_config()
    config.model.encoder, config.model.version = "resnet18", "v1.5"
    config.model.pretrained = ""
    config.batch_size, config.data.image_size = 1, 64
    found = benchmarks.measure_steps("forward", config, 1)
    expected = 2 * 1.8e9 * (64 / 224) ** 2 * config.data.num_frames
    assert found["flops_per_step"] == pytest.approx(expected, rel=0.1)
    assert "on_data" not in found


def test_input(config):
    found = benchmarks.measure_input(config, 8)
    assert found["clips_per_second"] > 0
    assert found["clip"] == [10, 32, 32]
    assert found["seconds"]["repeats"] == 8


@pytest.mark.thorough
def test_blend(config, tmp_path):
    config.model.encoder = kill_and_resume.QUICK
    found = benchmarks.measure_blend(config, 2, tmp_path / "strips.png")
    medians = [found[f"seconds_{kind}"]["median"] for kind in ("self_blended", "recorded")]
    assert found["ratio"] == medians[0] / medians[1] > 0
    assert found["clip"] == [10, 32, 32]
    assert (tmp_path / "strips.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.thorough
def test_what_is_blended_is_read_with_its_landmarks(config):
    config.model.encoder, config.data.fakes = kill_and_resume.QUICK, "self_blended"
    assert benchmarks.measure_steps("train", config, 1)["on_data"]["clips_per_second"] > 0


def test_build(config, tree):
    found = benchmarks.measure_build(config, 3, 1)
    assert (found["videos"], found["failed"]) == (3, 0)
    config.data.demo = None
    with pytest.raises(UserError, match="manual_dir"):
        benchmarks.measure_build(config, 3, 1)


def test_predict(config, tree, tmp_path):
    video = next(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))
    found = benchmarks.measure_predict(config, video, 2)
    assert found["clips"] == config.data.clips_per_video
    (tmp_path / "no video.mp4").write_text("text")
    with pytest.raises(UserError, match=r"no video\.mp4"):
        benchmarks.measure_predict(config, tmp_path / "no video.mp4", 2)


def test_memory(config):
    config.model.encoder = kill_and_resume.QUICK
    found = benchmarks.measure_memory(config)
    assert {row["setting"] for row in found["sizes"].values()} == {"as it is"}
    assert 0 < found["needed_gib"] < 1
    json.dumps(found)


@pytest.mark.thorough
def test_memory_counts_bfloat16_without_the_cpus_compiler(config, monkeypatch):
    config.batch_size = 32  # Of few clips, what is beside the maps is most.
    whole = benchmarks.measure_memory(config)
    assert 0.7 < whole["counted_to_compiled"] < 1.4
    monkeypatch.setattr(fit, "needed", lambda *_: pytest.fail("a CPU's compiler widens it"))
    config.precision = "bfloat16"
    half = benchmarks.measure_memory(config)
    assert half["needed_gib"] < 0.7 * whole["needed_gib"]
    assert half["counted_to_compiled"] is None


def test_memory_names_a_setting_for_each_size_and_computes_each_once(config, monkeypatch):
    """For a step of 8 GB and 40 for every 4 clips; bfloat16 leaves 31 GB, `remat` 28."""
    seen = []

    def needed(config, devices):
        seen.append((config.precision, config.remat, config.accumulate_steps, config.batch_size))
        clips = 10 * config.batch_size / config.accumulate_steps
        return int((8 + clips * (0.5 if config.remat else 1)) * 1e9)

    monkeypatch.setattr(fit, "needed", needed)
    monkeypatch.setattr(counted, "step_bytes", lambda config, devices: int(31e9))
    sizes = benchmarks.measure_memory(config)["sizes"]
    assert {size: row["setting"] for size, row in sizes.items()} == {
        "8 GB": "none",
        "16 GB": "none",
        "24 GB": "--config.accumulate_steps=4",
        "40 GB": "--config.remat",
        "80 GB": "as it is",
    }
    assert sizes["24 GB"]["needed_gib"] == 18e9 / 2**30
    assert len(seen) == len({*seen})
    assert {precision for precision, *_ in seen} == {"float32"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["fly"],
            "say what to measure, one of train, forward, input, build, predict, blend, memory",
        ),
        (["predict"], "--video=FILE is needed"),
        (["train", "--config=nowhere.py"], "there is no config file nowhere.py"),
    ],
)
def test_wrong_usage_is_one_line(arguments, message):
    command = [sys.executable, "-m", "fdd.bench", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_data_set_training_is_measured_on_random_clips_only(config, tmp_path):
    config.model.encoder = kill_and_resume.QUICK
    config.data.demo = None
    config.data.data_dir = str(tmp_path)
    found = benchmarks.measure_steps("train", config, 1)
    assert "there is no data set" in found["on_data"]["not_measured"]


def test_standard_output_holds_only_json(data_dir, tmp_path):
    file = tmp_path / "config.py"
    file.write_text(
        "import pathlib\nfrom tests.conftest import tiny_config\n"
        f"get_config = lambda: tiny_config(pathlib.Path({str(data_dir)!r}))\n"
    )
    command = [sys.executable, "-m", "fdd.bench", "input", f"--config={file}", "--repeats=2"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["kind"] == "input"
    assert "Data set faceforensics/" in done.stderr
