"""How many clips are scored at a time is planned before the data set is built."""

import numpy as np
import pytest

from fdd.devices import memory, parallel
from fdd.errors import UserError
from fdd.evaluation.scores import score
from fdd.training import fit, fit_evaluation, pretrained
from fdd.training.run import open_run
from fdd.training.state import inference_state
from fdd.training.task import create_state

GIB = memory.GIB


@pytest.fixture
def device(monkeypatch):
    """A simulated device of some GiB, on which scoring takes one for itself, and one per clip."""

    def simulate(free):
        found = memory.Free(int(free * GIB), "on a simulated device")
        monkeypatch.setattr(memory, "free", lambda: found)
        monkeypatch.setattr(fit, "upper_bound", lambda config, count: 2**60)
        monkeypatch.setattr(fit, "needed", lambda config, devices: 0)
        rule = lambda config, devices, clips: (1 + clips) * GIB  # noqa: E731
        monkeypatch.setattr(fit_evaluation, "needed", rule)

    return simulate


@pytest.mark.parametrize(("free", "clips"), [(5, 4), (4.9, 2), (2, 1), (1.5, 1)])
def test_the_batch_is_halved_until_it_fits(config, device, capsys, free, clips):
    device(free)
    assert fit_evaluation.clips_at_once(config, parallel.Parallel("jit")) == clips
    said = (
        "fdd: scoring 4 clips at a time takes more than what is free on a simulated device, "
        f"{free:.1f} GiB: taking {clips}\n"
    )
    assert capsys.readouterr().err == ("" if clips == 4 else said)


def test_what_fits_for_certain_is_not_compiled(config, device, monkeypatch):
    device(5)
    monkeypatch.setattr(fit_evaluation, "needed", lambda *_: pytest.fail("it need not be"))
    monkeypatch.setattr(fit, "upper_bound", lambda config, count: 5 * GIB)
    assert fit_evaluation.clips_at_once(config, parallel.Parallel("jit")) == 4


def test_more_clips_need_more_and_the_state_of_training_is_counted(config):
    devices, config = parallel.Parallel("jit"), pretrained.with_normalization(config)
    few, many = (fit_evaluation.needed(config, devices, clips) for clips in (1, 16))
    frames = 15 * 10 * 32 * 32 * 3
    assert many - few > 2 * frames, "what is scored, and the next batch"
    config.ema_decay = 0.9  # Another copy of the parameters.
    assert fit_evaluation.needed(config, devices, 1) > few


def test_a_run_scores_as_planned_and_says_so_before_there_is_data(
    config, device, tmp_path, monkeypatch, capsys
):
    sizes, compile_ = [], parallel.Parallel.compile

    def counting(devices, step, **settings):
        compiled = compile_(devices, step, **settings)
        return lambda state, batch: sizes.append(len(batch["frames"])) or compiled(state, batch)

    monkeypatch.setattr(parallel.Parallel, "compile", counting)
    device(3)
    with open_run(config, tmp_path / "run") as run:
        assert "taking 2" in capsys.readouterr().err
        state = create_state(run.task, 0, run.devices.replicated)
        scored = inference_state({"params": state.params, "batch_stats": state.batch_stats})
        found = score(run.eval_step, scored, run.dataset, "validation", config.batch_size)
    assert set(sizes) == {2}, "the whole batch is not tried"
    device(100)
    with open_run(config, tmp_path / "run") as run:
        expected = score(run.eval_step, scored, run.dataset, "validation", config.batch_size)
    np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=1e-5)

    config.data.data_dir = str(tmp_path / "nowhere")
    config.data.demo = None
    device(3)
    with pytest.raises(UserError, match="data set"), open_run(config, tmp_path / "other"):
        pass
    assert "taking 2" in capsys.readouterr().err
