"""Whether a run fits into memory: simulated devices, and the messages."""

import json

import jax
import numpy as np
import pytest

from fdd.devices import memory, parallel
from fdd.errors import OutOfMemory, UserError
from fdd.training import fit, pretrained
from fdd.training.run import open_run
from fdd.training.task import abstract_state, create_task
from tests import kill_and_resume

GIB = memory.GIB


@pytest.fixture
def device(monkeypatch):
    """Simulates a device with a given memory in GiB, and steps whose need a rule gives."""

    def simulate(free, rule):
        found = memory.Free(int(free * GIB), "on a simulated device")
        monkeypatch.setattr(memory, "free", lambda: found)
        monkeypatch.setattr(fit, "needed", lambda config, devices: int(rule(config) * GIB))
        monkeypatch.setattr(fit, "upper_bound", lambda config, count: 2**60)

    return simulate


def _rule(config):
    """2 GiB, and 10 GiB for every 4 clips."""
    maps = 10 * config.batch_size / 4 / config.accumulate_steps
    maps *= 0.5 if config.precision == "bfloat16" else 1
    return 2 + maps * (0.4 if config.remat else 1)


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (
            7.5,
            "with --config.precision=bfloat16 it takes 7.0 GiB (the encoder computes in 16 bits)",
        ),
        (6.5, "with --config.remat it takes 6.0 GiB and more time; the results stay as they are"),
        (4.5, "with --config.accumulate_steps=4 it takes 4.5 GiB; batch statistics that are train"),
        (1.5, "no precision, part or batch of it fits: take a smaller --config.model.encoder or"),
    ],
)
def test_the_first_setting_that_fits_is_named(config, device, free, said):
    device(free, _rule)
    with pytest.raises(OutOfMemory) as raised:
        fit.fitted(config, parallel.Parallel("jit"))
    text = str(raised.value)
    start = (
        f"a step takes 12.0 GiB on each device, and {free:.1f} GiB are free on a simulated device"
    )
    assert text.startswith(start)
    assert said in text
    assert "\n" not in text


def test_a_smaller_batch_is_the_last_of_the_list(config, device):
    """For a step whose memory does not shrink with parts."""
    device(4.9, lambda config: config.batch_size * 2.25)
    with pytest.raises(OutOfMemory, match=r"config.batch_size=2 it takes 4.5 GiB; the learning"):
        fit.fitted(config, parallel.Parallel("jit"))


def test_what_fits_is_left_alone(config, device, capsys):
    device(12.1, _rule)
    assert fit.fitted(config, parallel.Parallel("jit")) is config
    device(12.1, lambda config: pytest.fail("it need not be compiled"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "upper_bound", lambda config, count: 12 * GIB)
        assert fit.fitted(config, parallel.Parallel("jit")) is config
    assert capsys.readouterr().err == ""


def test_fit_applies_settings_that_do_not_change_results(config, device, capsys):
    config.fit = True
    device(6.5, _rule)
    found = fit.fitted(config, parallel.Parallel("jit"))
    assert (found.remat, found.accumulate_steps, found.precision) == (True, 1, "float32")
    assert "config.fit: a step takes 12.0 GiB" in (said := capsys.readouterr().err)
    assert "; with --config.remat it takes 6.0 GiB" in said

    device(4.5, _rule)
    with pytest.raises(OutOfMemory, match=r"bfloat16, beside --config.remat, it takes 4.0 GiB"):
        fit.fitted(config, parallel.Parallel("jit"))

    config.frozen_batch_stats = True  # Then parts add up.
    found = fit.fitted(config, parallel.Parallel("jit"))
    assert (found.remat, found.accumulate_steps, found.precision) == (True, 2, "float32")
    assert "with --config.remat and --config.accumulate_steps=2 it takes 4.0 GiB" in (
        capsys.readouterr().err
    )


def test_memory_is_checked_before_the_data_set_is_built(config, device, tmp_path):
    device(1, _rule)
    config.data.data_dir = str(tmp_path / "data")
    with pytest.raises(OutOfMemory), open_run(config, tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_records_what_it_took_and_goes_on_with_it(config, device, tmp_path):
    config.fit = config.frozen_batch_stats = True
    device(4.5, _rule)
    with open_run(config, tmp_path) as run:
        assert (run.config.remat, run.task.accumulate_steps) == (True, 2)
    stored = json.loads((tmp_path / "config.json").read_text())
    assert (stored["fit"], stored["remat"], stored["accumulate_steps"]) == (True, True, 2)
    device(100, _rule)  # On a larger device it goes on as it was; on a smaller one it takes more.
    with open_run(config, tmp_path) as run:
        assert (run.config.remat, run.task.accumulate_steps) == (True, 2)
    device(3.5, _rule)
    with open_run(config, tmp_path) as run:
        assert run.task.accumulate_steps == 4
    config.frozen_batch_stats = False
    with pytest.raises(UserError, match="frozen_batch_stats: True there, False here"):
        open_run(config, tmp_path).__enter__()


def test_parts_of_a_run_that_trains_batch_statistics_belong_to_it(config, tmp_path):
    with open_run(config, tmp_path):
        pass
    config.remat = True  # Changes nothing but memory and time.
    with open_run(config, tmp_path):
        pass
    config.accumulate_steps = 2
    with pytest.raises(UserError, match="accumulate_steps: 1 there, 2 here"):
        open_run(config, tmp_path).__enter__()


@pytest.mark.parametrize("changes", [{"paired": True}, {"fakes": "self_blended"}])
def test_parts_keep_pairs_of_clips_together(config, changes):
    config.batch_size, config.remat, config.frozen_batch_stats = 6, True, True
    assert fit.unchanging(config, 1) == "--config.accumulate_steps=2"
    config.data.update(changes)
    assert fit.unchanging(config, 1) == "--config.accumulate_steps=3"


def test_the_compiler_counts_state_and_maps(config):
    """It is less in parts, since most of it is for maps."""
    config = pretrained.with_normalization(config)
    devices = parallel.Parallel("jit")
    whole = fit.needed(config, devices)
    clips = 4 * 10 * 32 * 32 * 3
    assert 4 * clips < whole < 1000 * 4 * clips
    config.accumulate_steps = 4
    assert fit.needed(config, devices) < 0.7 * whole


@pytest.mark.thorough
def test_the_memory_of_gradients_does_not_grow_with_the_number_of_parts(config):
    """Parts of 4 small clips, in a network of which most is parameters."""
    config.model.encoder = kill_and_resume.QUICK
    config.data.image_size, config.data.num_frames, config.model.lstm_features = 16, 2, 256
    config = pretrained.with_normalization(config)
    devices = parallel.Parallel("jit")
    parameters = abstract_state(create_task(config), devices.replicated).params
    gradients = sum(4 * leaf.size for leaf in jax.tree.leaves(parameters))
    needs = []
    for parts in (2, 8):
        config.accumulate_steps, config.batch_size = parts, 4 * parts
        needs.append(fit.needed(config, devices))
    assert needs[1] - needs[0] < gradients / 2


def test_pmap_is_lowered_for_a_shard_of_the_batch():
    def step(state, batch):
        return state + batch["frames"].sum()

    shapes = {"frames": jax.ShapeDtypeStruct((4, 7), np.float32)}
    lowered = parallel.Parallel("pmap").lower(step, np.float32(0), shapes)
    assert lowered.args_info[0][1]["frames"].shape == (1, 4, 7)


def test_features_that_are_computed_once_are_the_largest_step(config):
    config = pretrained.with_normalization(config)
    config.freeze = "encoder"
    devices = parallel.Parallel("jit")
    train = fit.needed(config, devices)
    config.cache_features = True
    assert 10 * 4 * 32 * 32 * 3 < fit.needed(config, devices) < train


@pytest.mark.parametrize("kind", ["v2", "v1"])
def test_the_hosts_memory_is_what_its_groups_leave(kind, tmp_path, monkeypatch):
    """Of this group and those above it, whatever the machine has; file caches count as free."""
    monkeypatch.setattr(memory, "_PROC", proc := tmp_path / "proc")
    monkeypatch.setattr(memory, "_CGROUP", groups := tmp_path / "cgroup")
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 64 kB\nMemAvailable:   8388608 kB\n")
    assert memory.free_of_host() == 8 * GIB
    v2 = ("0::/a/b\n", "", "memory.max", "memory.current", "inactive_file")
    v1 = (
        "3:cpu:/x\n4:memory:/a/b\n",
        "memory",
        *("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    )
    text, top, limit, used, cache = v2 if kind == "v2" else v1
    (proc / "self/cgroup").write_text(text)
    assert memory.free_of_host() == 8 * GIB, "the group cannot be seen in here"
    for group, most in (("a", 4 * GIB), ("a/b", "max")):
        (folder := groups / top / group).mkdir(parents=True)
        (folder / limit).write_text(f"{most}\n")
        (folder / used).write_text(f"{3 * GIB}\n")
        (folder / "memory.stat").write_text(f"anon 1\n{cache} {GIB}\n")
    assert memory.free_of_host() == 2 * GIB


def test_free_memory_of_a_gpu_is_what_jax_may_use(monkeypatch):
    class Device:
        def __init__(self, **stats):
            self.memory_stats = lambda: stats

    devices = [Device(bytes_limit=12, bytes_in_use=2), Device(bytes_limit=12, bytes_in_use=5)]
    monkeypatch.setattr(jax, "local_devices", lambda: devices)
    monkeypatch.setattr(memory.runtime, "on_cpu", lambda: False)
    monkeypatch.setattr(memory.runtime, "device_name", lambda: "NVIDIA T4")
    assert memory.free() == (7, "on NVIDIA T4")
    devices.append(Device())
    assert memory.free() is None
