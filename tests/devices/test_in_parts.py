"""A batch is processed in parts if memory runs out, and this is reported."""

import dataclasses
import shutil

import jax
import numpy as np
import pytest

from fdd import train
from fdd.devices import memory
from fdd.devices.in_parts import InParts
from fdd.errors import UserError
from fdd.evaluation.scores import score
from fdd.inference.detector import Detector

FULL = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 160 bytes.")


def _up_to(most, step=lambda state, batch: batch["x"] * state, error=FULL):
    """A step with memory for a limited number of clips, and the sizes of its batches."""
    sizes = []

    def limited(state, batch):
        sizes.append(len(next(iter(batch.values()))))
        if sizes[-1] > most:
            raise error
        return step(state, batch)

    return limited, sizes


@pytest.mark.parametrize("error", [FULL, MemoryError("Unable to allocate 1 GiB")])
def test_a_batch_is_halved_until_it_fits(capsys, error):
    limited, sizes = _up_to(3, error=error)
    step, x = InParts(limited, 1), np.arange(10.0)
    np.testing.assert_array_equal(step(2, {"x": x}), 2 * x)
    assert sizes == [10, 5, 2, 2, 2, 2, 2]
    said = capsys.readouterr().err.splitlines()
    assert [line.rpartition(": ")[2] for line in said] == ["taking 5", "taking 2"]
    np.testing.assert_array_equal(step(1, {"x": x[:3]}), x[:3])
    assert sizes[7:] == [2, 2], "what went well is remembered, and the last part is filled up"


def test_every_device_keeps_a_clip():
    limited, sizes = _up_to(3)
    with pytest.raises(jax.errors.JaxRuntimeError):
        InParts(limited, 4)(1, {"x": np.arange(8.0)})
    assert sizes == [8, 4]


def test_other_errors_are_left_alone():
    limited, sizes = _up_to(0, error=jax.errors.JaxRuntimeError("INTERNAL: a fault"))
    with pytest.raises(jax.errors.JaxRuntimeError, match="a fault"):
        InParts(limited, 1)(1, {"x": np.arange(8.0)})
    assert sizes == [8]


def test_scores_in_parts_equal_scores_at_once(finished, dataset):
    """They are equal up to rounding, since parts are another program."""
    loaded = Detector.load(finished)
    limited, sizes = _up_to(2, loaded.eval_step)
    expected = score(loaded.eval_step, loaded.state, dataset, "test", 8)
    found = score(InParts(limited, 1), loaded.state, dataset, "test", 8)
    np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=1e-5)
    assert set(sizes) == {8, 4, 2}


@pytest.mark.parametrize("step", ["look_step", "eval_step"])
def test_a_device_without_room_for_one_clip_is_one_line(finished, tree, monkeypatch, step):
    """Whether familiarity is judged, in another step, or not known."""
    loaded = Detector.load(finished)
    if step == "eval_step":
        loaded = dataclasses.replace(loaded, familiarity=None)
    limited, _ = _up_to(0)
    monkeypatch.setitem(vars(loaded), step, InParts(limited, 1))
    video = next(tree.glob("original_sequences/youtube/c23/videos/*.mp4"))
    with pytest.raises(UserError, match=r"not enough memory .* for judging a clip: end other"):
        loaded.predict(video)


def test_the_message_says_which_memory_ran_out():
    with pytest.raises(UserError) as raised, memory.enough_for("a step", lambda: "do this"):
        np.ones(2**50)  # NumPy's own exception.
    assert str(raised.value) == "there is not enough memory on this machine for a step: do this"
    with pytest.raises(ZeroDivisionError), memory.enough_for("a step", ""):
        _ = 1 / 0
    with pytest.raises(jax.errors.JaxRuntimeError), memory.enough_for("a step", ""):
        raise jax.errors.JaxRuntimeError("INTERNAL: a fault")


def test_xla_raises_the_expected_error():
    """Compares with what XLA raises if more memory is requested than can be addressed."""
    product = jax.jit(lambda x: (x[:, None] * x[None, :]).sort(0) @ x)
    with pytest.raises(UserError, match="not enough memory"), memory.enough_for("it", "less"):
        jax.block_until_ready(product(np.ones(2**23, np.float32)))  # 256 TiB.


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "with --config.remat it takes less, and the same command goes on after step 6, which"),
        ({"remat": True}, "end other programs that use memory, and the same command goes on after"),
    ],
)
def test_training_that_runs_out_of_memory_says_how_to_go_on(
    finished, config, tmp_path, monkeypatch, changed, said
):
    def full(*_):
        raise FULL

    config.update(changed)
    folder = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(folder / "report")
    monkeypatch.setattr(train.loop, "steps", full)
    with pytest.raises(UserError) as raised:
        train.train_and_evaluate(config, folder)
    assert f"for a train step: {said}" in str(raised.value)
    assert "\n" not in str(raised.value)
