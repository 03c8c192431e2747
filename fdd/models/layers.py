"""The layers of the detector with their shapes, taken from the model itself."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from fdd.models.clip_classifier import ENCODER_PLACE, ClipClassifier

PyTree = Any
Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Box:
    """A layer in the diagram.

    Attributes:
        name: The layer's name.
        input: Shape without the batch.
        output: Shape without the batch.
        num_params: Number of trainable parameters.
    """

    name: str
    input: Shape
    output: Shape
    num_params: int


def describe(model: ClipClassifier, clip_shape: Sequence[int]) -> list[Box]:
    """Traces a clip through the detector without computing anything.

    Args:
        model: The network.
        clip_shape: (frames, height, width, channels).

    Returns:
        Boxes from the input to the logit; each part of the encoder is one box.
    """
    calls: dict[tuple[str, ...], tuple[Shape, Shape]] = {}

    def record(next_call, args, kwargs, context):
        out = next_call(*args, **kwargs)
        if context.method_name == "__call__" and args and hasattr(out, "shape"):
            calls[context.module.path] = (args[0].shape[1:], out.shape[1:])
        return out

    def init() -> PyTree:
        with nn.intercept_methods(record):
            return model.init(jax.random.key(0), jnp.zeros((1, *clip_shape)), train=False)

    params = jax.eval_shape(init)["params"]
    image, maps = calls[ENCODER_PLACE]
    inside = {path[-1]: call for path, call in calls.items() if path[:-1] == ENCODER_PLACE}
    head = model.make_temporal()
    features, summary = calls[(head.place,)]
    return [
        Box(name="Clip", input=tuple(clip_shape), output=tuple(clip_shape), num_params=0),
        *_parts(model, params, inside, (image, maps), clip_shape[0]),
        Box(
            name=model.encoder.pool_title,
            input=(clip_shape[0], *maps),
            output=features,
            num_params=0,
        ),
        Box(
            name=head.title,
            input=features,
            output=summary,
            num_params=_count(params.get(head.place, {})),
        ),
        Box(
            name="Dense, logit of fake",
            input=summary,
            output=calls[("head",)][1],
            num_params=_count(params["head"]),
        ),
    ]


def _parts(
    model: ClipClassifier,
    params: PyTree,
    inside: Mapping[str, tuple[Shape, Shape]],
    whole: tuple[Shape, Shape],
    num_frames: int,
) -> list[Box]:
    """The encoder's parts, each from its first layer's input to that of the next part.

    Args:
        model: The network.
        params: All its parameters.
        inside: Inputs and outputs of the encoder's own layers, in the order of their calls.
        whole: Input and output shapes of the encoder.
        num_frames: Frames of a clip.
    """
    encoder = model.encoder
    of_encoder = model.encoder_variables({"params": params})["params"]
    counts, layers = dict.fromkeys(range(len(encoder.parts)), 0), {}
    for keys, leaf in jax.tree.leaves_with_path(of_encoder):
        path = tuple(key.key for key in keys)
        counts[encoder.part_of(path)] += leaf.size
        layers[path[0]] = encoder.part_of(path)
    starts: dict[int, Shape] = {0: whole[0]}
    for name, (start, _) in inside.items():
        starts.setdefault(layers.get(name, 0), start)
    shown = [part for part in counts if part in starts]
    ends = [*(starts[part] for part in shown[1:]), whole[1]]
    return [
        Box(
            name=encoder.title_of(part),
            input=(num_frames, *starts[part]),
            output=(num_frames, *end),
            num_params=counts[part],
        )
        for part, end in zip(shown, ends, strict=True)
    ]


def _count(tree: PyTree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))
