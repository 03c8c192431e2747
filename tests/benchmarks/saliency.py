"""Which saliency map of a vision transformer finds what its score depends on: a deletion test.

    python -m tests.benchmarks.saliency [--data_dir=data] [--steps=800]

The network is small and starts from random weights. It does not learn the demo's forgeries in
minutes, so it learns an easier one: half of the single frames, of the demo's genuine videos, show
an ellipse from another video. Then, in frames of the test split that it calls fake rightly, patches
are replaced with the frame's mean colour, the most salient first. Printed is the area under the
curve of the mean probability of fake, over the fraction of patches that are replaced: lower is
better. For comparison, patches are also replaced in random order, and where the ellipse is.

References:
    Deletion: Petsiuk et al., RISE, BMVC 2018. Attention rollout: Abnar and Zuidema, Quantifying
    Attention Flow in Transformers, ACL 2020.
"""

import argparse
import functools
from collections.abc import Callable

import jax
import ml_collections
import numpy as np

from fdd import tables
from fdd.configs import demo
from fdd.data import pipeline
from fdd.devices.parallel import DATA_AXIS, Parallel
from fdd.inference.saliency import saliency_step
from fdd.runs import prepare
from fdd.training import steps
from fdd.training.state import TrainState
from fdd.training.task import Task, create_state, create_task

_SIDE, _PATCH = 48, 8
_GRID = _SIDE // _PATCH
_BATCH = 64


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="data", help="of the demo, which is drawn if needed")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    config = _config(options)
    task = create_task(config, options.steps)
    dataset = prepare.open_dataset(config.data)
    state = _trained(task, _genuine(dataset, "train"), options)
    rng = np.random.default_rng(options.seed + 1)
    frames, labels, places = _some(rng, _genuine(dataset, "test"), 600)
    logits = _logits(state, frames, task)
    print(f"accuracy on {len(labels)} frames: {np.mean((logits > 0) == (labels > 0)):.3f}")
    known = (logits > 0) & (labels > 0)
    frames, places = frames[known], places[known]
    maps = {
        "what fdd shows": _shown(state, frames, task),
        "Grad-CAM": _grad_cam(state, frames, task),
        "random order": rng.random((len(frames), _GRID**2)),
        "where the ellipse is": _of_patches(places),
    }
    rows = [("deleted first", "area", "after 2 patches", "after 6")]
    for name, salient in maps.items():
        curve = _deletion(state, frames, salient, task)
        rows.append((name, *(f"{n:.3f}" for n in (np.trapezoid(curve) / _GRID**2, *curve[[2, 6]]))))
    print(f"{len(frames)} fakes, before deletion {curve[0]:.3f}\n{tables.aligned(rows, names=1)}")


def _config(options: argparse.Namespace) -> ml_collections.ConfigDict:
    config = demo.get_config()
    config.data.data_dir = options.data_dir
    network = {"features": 64, "num_blocks": 4, "num_heads": 4, "patch_size": _PATCH}
    config.model.update({"encoder": "clip_vit_tiny", "grid": _GRID, **network})
    config.model.temporal = "mean"
    config.model.mean, config.model.std = (127.5,) * 3, (64.0,) * 3
    config.learning_rate, config.warmup_steps, config.seed = 1e-3, 50, options.seed
    return config


def _genuine(dataset: object, split: str) -> np.ndarray:
    """Every third frame of each genuine clip, [clips, frames, h, w, 3]."""
    found = [
        batch["frames"][batch["label"] == 0][:, ::3]
        for batch in pipeline.eval_batches(dataset, split, batch_size=20)
    ]
    return np.concatenate(found)


def _some(
    rng: np.random.Generator, genuine: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames [n, h, w, 3], their labels [n], and where the ellipses are, bool [n, h, w]."""
    base, other = rng.integers(len(genuine), size=(2, count))
    moment = rng.integers(genuine.shape[1], size=count)
    labels = rng.integers(0, 2, count)
    middle = rng.normal(_SIDE / 2, 3, (2, count, 1, 1))
    reach = rng.uniform(8, 14, (2, count, 1, 1))
    distance = ((np.mgrid[:_SIDE, :_SIDE][:, None] - middle) / reach) ** 2
    places = (distance.sum(axis=0) < 1) & (labels[:, None, None] > 0)
    frames = np.where(places[..., None], genuine[other, moment], genuine[base, moment])
    return frames, labels, places


def _trained(task: Task, genuine: np.ndarray, options: argparse.Namespace) -> TrainState:
    state = create_state(task, options.seed, Parallel("jit").replicated)
    step = _compiled(steps.train_step, task)
    rng = np.random.default_rng(options.seed)
    for number in range(options.steps):
        frames, labels, _ = _some(rng, genuine, _BATCH)
        position = np.arange(_BATCH, dtype=np.int32) + number * _BATCH
        batch = {"frames": frames[:, None], "label": labels.astype(np.float32)}
        state, info = step(state, batch | {"position": position})
        if number % 100 == 99:
            print(f"step {number + 1}: loss {info['loss']:.3f}", flush=True)
    return state


def _on_one_device(step: Callable) -> Callable:
    mapped = jax.vmap(step, in_axes=(None, 0), out_axes=None, axis_name=DATA_AXIS)
    return lambda state, batch: mapped(state, jax.tree.map(lambda array: array[None], batch))


@functools.cache
def _compiled(step: Callable, task: Task) -> Callable:
    return jax.jit(_on_one_device(functools.partial(step, task=task)))


def _logits(state: TrainState, frames: np.ndarray, task: Task) -> np.ndarray:
    return np.asarray(_compiled(steps.eval_step, task)(state, {"frames": frames[:, None]}))


def _shown(state: TrainState, frames: np.ndarray, task: Task) -> np.ndarray:
    """Maps of fdd, by attention rollout, [n, patches]."""
    found = _compiled(saliency_step, task)(state, {"frames": frames[:, None]})
    return np.asarray(found.maps).reshape(len(frames), -1)


def _grad_cam(state: TrainState, frames: np.ndarray, task: Task) -> np.ndarray:
    """Grad-CAM at the last block's input, without its ReLU, [n, patches]."""
    variables = steps.variables_for_evaluation(state)
    apply = functools.partial(task.model.apply, variables)
    clips = steps.normalized(frames[:, None], task)
    tokens = apply(clips, train=False, method="feature_maps")

    def logits(tokens: jax.Array) -> jax.Array:
        return apply(apply(tokens, method="pool"), train=False, method="classify").sum()

    return np.asarray((tokens * jax.grad(logits)(tokens)).sum(axis=-1))[:, 0, 1:]


def _of_patches(pixels: np.ndarray) -> np.ndarray:
    """Means over patches: [n, h, w] to [n, patches]."""
    squares = pixels.reshape(-1, _GRID, _PATCH, _GRID, _PATCH)
    return squares.mean(axis=(2, 4)).reshape(len(pixels), -1)


def _deletion(state: TrainState, frames: np.ndarray, salient: np.ndarray, task: Task) -> np.ndarray:
    """The mean probability of fake after 0, 1, … all patches are replaced, most salient first."""
    rank = np.argsort(np.argsort(-salient, axis=1), axis=1).reshape(-1, _GRID, _GRID)
    rank = rank.repeat(_PATCH, axis=1).repeat(_PATCH, axis=2)[..., None]
    mean = frames.mean(axis=(1, 2), keepdims=True).round().astype(np.uint8)
    curve = [
        1 / (1 + np.exp(-_logits(state, np.where(rank < count, mean, frames), task)))
        for count in range(_GRID**2 + 1)
    ]
    return np.mean(curve, axis=1)


if __name__ == "__main__":
    main()
