"""CLIP's ViT-L/14 here and in Hugging Face's transformers: a forward pass, with the same weights.

    pip install -e '.[bench]' && python -m tests.benchmarks.vit

Each framework has a process of its own, which waits while another one works. They take turns on the
same frames, as images of random numbers, with weights that this program draws and writes to a file.
Printed are medians and the least of wall time, of processor time (which other programs disturb
less), the ratios to PyTorch's, the most memory that each process took, and how far the features
lie apart.
"""

import argparse
import contextlib
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np

from fdd import tables

VARIANTS = {
    "clip_vit_l14": (1024, 24, 16, 14),
    "clip_vit_b16": (768, 12, 12, 16),
    "clip_vit_tiny": (8, 2, 2, 8),
}
"""Features, blocks, heads and the side of a patch."""


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", choices=VARIANTS, default="clip_vit_l14")
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--works", nargs="+", default=["torch float32", "fdd float32"])
    parser.add_argument("--torch_python", default=sys.executable, help="a Python that has torch")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _serve(**json.loads(options.serve))
        return
    with tempfile.TemporaryDirectory() as folder:
        weights = _saved(pathlib.Path(folder), options.variant)
        workers = {name: _start(name, weights, options) for name in options.works}
        said = {name: [] for name in workers}
        for worker in workers.values():  # The first step compiles.
            _take(worker)
        for _ in range(options.repeats):
            for name, worker in workers.items():
                said[name].append(taken := _take(worker))
                seconds = f"{taken['wall']:.2f} s, {taken['cpu']:.2f} s of the processor"
                print(f"{name}: {seconds}", file=sys.stderr, flush=True)
        for worker in workers.values():
            worker.stdin.close()
            worker.wait()
    print(tables.aligned(list(_rows(said)), names=1))


def _rows(said: dict[str, list[dict]]) -> Iterator[tuple[str, ...]]:
    """The table; ratios are those of medians to the first work's."""
    yield ("", "wall s", "least", "÷ base", "cpu s", "least", "÷ base", "GB", "off")
    base = next(iter(said.values()))
    for name, answers in said.items():
        numbers = []
        for key in ("wall", "cpu"):
            taken, of_base = ([each[key] for each in some] for some in (answers, base))
            median = statistics.median(taken)
            numbers += [median, min(taken), median / statistics.median(of_base)]
        numbers.append(answers[-1]["memory"] / 1e9)
        off = np.subtract(answers[0]["features"], base[0]["features"])
        largest = np.abs(base[0]["features"]).max()
        yield (name, *(f"{number:.2f}" for number in numbers), f"{abs(off).max() / largest:.0e}")


def drawn(variant: str) -> dict[str, np.ndarray]:
    """Random weights, named as by CLIPVisionModel."""
    import jax

    from fdd.models import ENCODERS, torch_layout
    from fdd.models.clip_classifier import ClipClassifier
    from fdd.models.temporal import Mean

    model = ClipClassifier(ENCODERS[variant], Mean)
    clips = jax.ShapeDtypeStruct((1, 1, 224, 224, 3), np.float32)
    shapes = jax.eval_shape(
        lambda key, x: model.init(key, x, train=False), jax.random.key(0), clips
    )
    rng = np.random.default_rng(0)

    def draw(path: tuple, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        scale = float(path[-1].key == "scale")
        return scale + 0.02 * rng.standard_normal(leaf.shape, np.float32)

    params = jax.tree.map_with_path(draw, shapes["params"])
    tensors = torch_layout.to_torch(model, {"params": params, "batch_stats": {}})
    return {name: tensor for name, tensor in tensors.items() if not name.startswith("head.")}


def _saved(folder: pathlib.Path, variant: str) -> str:
    import safetensors.numpy

    safetensors.numpy.save_file(drawn(variant), folder / "model.safetensors")
    return str(folder / "model.safetensors")


def _start(name: str, weights: str, options: argparse.Namespace) -> subprocess.Popen:
    framework, precision = name.split()
    todo = {"framework": framework, "precision": precision, "weights": weights}
    todo |= {"variant": options.variant, "frames": options.frames}
    python = options.torch_python if framework == "torch" else sys.executable
    return subprocess.Popen(
        [python, "-m", "tests.benchmarks.vit", "--serve", json.dumps(todo)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _take(worker: subprocess.Popen) -> dict:
    worker.stdin.write("step\n")
    worker.stdin.flush()
    line = worker.stdout.readline()
    if not line:
        sys.exit("a framework's process ended; what it said is above")
    return json.loads(line)


def _serve(framework: str, precision: str, weights: str, variant: str, frames: int) -> None:
    images = np.random.default_rng(0).standard_normal((frames, 224, 224, 3), np.float32)
    with contextlib.redirect_stdout(sys.stderr):  # Standard output is for the measurements.
        step = (_torch if framework == "torch" else _fdd)(precision, weights, variant, images)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        features = step()
        said = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        said["memory"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(said | {"features": features.tolist()}), flush=True)


def _torch(precision: str, weights: str, variant: str, images: np.ndarray) -> Callable:
    import safetensors.torch
    import torch
    import transformers

    features, blocks, heads, patch = VARIANTS[variant]
    config = transformers.CLIPVisionConfig(
        hidden_size=features,
        intermediate_size=4 * features,
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        image_size=32 if variant == "clip_vit_tiny" else 224,
        patch_size=patch,
    )
    model = transformers.CLIPVisionModel(config)
    tensors = safetensors.torch.load_file(weights)
    model.load_state_dict({k.removeprefix("vision_model."): t for k, t in tensors.items()})
    model = model.to(getattr(torch, precision)).eval()
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).to(getattr(torch, precision))
    interpolate = {"interpolate_pos_encoding": True} if variant == "clip_vit_tiny" else {}

    def step() -> np.ndarray:
        with torch.inference_mode():
            return model(pixels, **interpolate).pooler_output.float().numpy()

    return step


def _fdd(precision: str, weights: str, variant: str, images: np.ndarray) -> Callable:
    import functools

    import jax

    from fdd.devices import runtime
    from fdd.models import ENCODERS
    from fdd.models.clip_classifier import ClipClassifier
    from fdd.models.temporal import Mean
    from fdd.training import pretrained

    runtime.prepare()
    model = ClipClassifier(functools.partial(ENCODERS[variant], dtype=precision), Mean)
    clips = jax.ShapeDtypeStruct((1, *images.shape), np.float32)
    shapes = jax.eval_shape(
        lambda key, x: model.init(key, x, train=False), jax.random.key(0), clips
    )
    start = {"params": shapes["params"], "batch_stats": {}}
    loaded = model.encoder_variables(pretrained.load(weights, model, start))["params"]
    params = jax.tree.map(jax.device_put, loaded)
    del loaded
    head = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes["params"]["head"])
    outer = {"frame_features": {"encoder": params}, "head": head}
    encode = jax.jit(
        lambda params, clips: model.apply({"params": params}, clips, train=False, method="encode"),
        compiler_options=runtime.compiler_options(1),
    )
    return lambda: np.asarray(encode(outer, images[None]))[0]


if __name__ == "__main__":
    main()
