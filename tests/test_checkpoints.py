"""What is saved, and when."""

import contextlib

import jax.numpy as jnp

from fdd.checkpoints import Checkpoints


def test_what_changes_after_saving_is_not_saved(tmp_path):
    """A run's log grows while its checkpoint is written: a race, so it is run several times."""
    history, steps = [], range(1, 11)
    with contextlib.closing(Checkpoints(tmp_path)) as checkpoints:
        for step in steps:
            history.append(step)
            checkpoints.save(step, {"weight": jnp.zeros(3)}, {"history": history}, {"loss": -step})
            history.append("later")
            checkpoints.wait()
            assert checkpoints.meta(step)["history"] == history[:-1]
