"""`fdd.training.steps`, as training and evaluation run them."""

import functools

import jax
import numpy as np

from fdd.benchmarks import timing
from fdd.configs import gend, resnet_lstm
from fdd.devices import runtime
from fdd.devices.parallel import Parallel
from fdd.training import pretrained, steps
from fdd.training.task import create_state, create_task
from tests.benchmarks.alternatives import random_batch, serve, work


def main() -> None:
    """Serves steps of `configs/resnet_lstm.py`, without its L2 penalty, or of `configs/gend.py`.

    Of the latter without what PyTorch's step does not have: augmentation, and terms of its loss.
    """
    todo = work()
    runtime.prepare()
    runtime.keep_memory()
    config = (gend if todo["network"] == "clip_vit_l14" else resnet_lstm).get_config()
    config.model.pretrained = ""
    config.l2_lstm_kernel = config.uniformity = config.alignment = 0.0
    config.augment.update({key: type(value)(0) for key, value in config.augment.items()})
    config.schedule = "constant"
    config.model.unit_features = config.data.paired = config.fit = False
    config.batch_size = todo["batch_size"]
    config.precision = todo["precision"]
    config.data.image_size = todo["image_size"]
    config.data.num_frames = todo["num_frames"]
    config = pretrained.with_normalization(config)
    clips, labels = random_batch(**todo)
    batch = {"frames": clips, "label": labels, "position": np.arange(len(clips), dtype=np.int32)}
    devices = Parallel("jit")
    task = create_task(config)
    state = create_state(task, 0, devices.replicated)
    train_step = devices.compile(functools.partial(steps.train_step, task=task), donate=True)
    eval_step = devices.compile(functools.partial(steps.eval_step, task=task))

    def train() -> float:
        nonlocal state
        state, info = train_step(state, batch)
        return float(info["loss"])

    def forward() -> np.ndarray:
        return np.asarray(eval_step(state, {"frames": clips}))

    kind = jax.devices()[0].device_kind
    step = train if todo["kind"] == "train" else forward
    serve(step, f"{kind}, jax {jax.__version__}", timing.memory_peak_gib)


if __name__ == "__main__":
    main()
