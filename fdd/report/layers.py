"""The layers of the detector with their shapes, read off the model itself."""

import dataclasses
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Box:
    """A layer in the diagram.

    Attributes:
        name: What it is.
        input: Shape without the batch.
        output: Shape without the batch.
        num_params: Number of trainable parameters.
    """

    name: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    num_params: int


def describe(model: nn.Module, clip_shape: Sequence[int]) -> list[Box]:
    """Follows a clip through the detector, without computing anything.

    Args:
        model: A `fdd.models.resnet_lstm.ResNetLSTM`.
        clip_shape: (frames, height, width, channels).

    Returns:
        Boxes from the input to the logit, the stages of the encoder as one box each.
    """
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def record(next_call, args, kwargs, context):
        out = next_call(*args, **kwargs)
        if context.method_name == "__call__" and hasattr(out, "shape"):
            shapes["/".join(context.module.path)] = (args[0].shape[1:], out.shape[1:])
        return out

    def init() -> dict:
        with nn.intercept_methods(record):
            return model.init(jax.random.key(0), jnp.zeros((1, *clip_shape)), train=False)

    params = jax.eval_shape(init)["params"]
    num_frames = clip_shape[0]
    encoder = params["frame_features"]["encoder"]
    prefix = "frame_features/encoder"
    stem_in, stem_out = shapes[f"{prefix}/conv1"]
    stages = sorted({name.split("_")[0] for name in encoder if name.startswith("layer")})
    blocks = {
        stage: sorted((n for n in encoder if n.startswith(f"{stage}_")), key=lambda n: (len(n), n))
        for stage in stages
    }
    first_in = shapes[f"{prefix}/{blocks[stages[0]][0]}"][0]

    def count(*trees: dict) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(trees))

    def framed(shape: tuple[int, ...]) -> tuple[int, ...]:
        return (num_frames, *shape)

    boxes = [
        Box("Clip", tuple(clip_shape), tuple(clip_shape), 0),
        Box(
            "Convolution 7×7, batch norm",
            framed(stem_in),
            framed(stem_out),
            count(encoder["conv1"], encoder["bn1"]),
        ),
        Box("Max pooling 3×3", framed(stem_out), framed(first_in), 0),
    ]
    for stage, names in blocks.items():
        start, end = shapes[f"{prefix}/{names[0]}"][0], shapes[f"{prefix}/{names[-1]}"][1]
        title = f"ResNet {stage.replace('layer', 'stage ')}, {len(names)} blocks"
        parameters = count(*(encoder[name] for name in names))
        boxes.append(Box(title, framed(start), framed(end), parameters))
    feature_map = shapes[prefix][1]
    features = feature_map[-1:]
    state, logit = shapes["head"]
    lstm = "lstm_cell" in params
    temporal = Box(
        "LSTM, last state" if lstm else "Mean over frames",
        framed(features),
        state,
        count(params["lstm_cell"]) if lstm else 0,
    )
    return [
        *boxes,
        Box("Global average pooling", framed(feature_map), framed(features), 0),
        temporal,
        Box("Dense, logit of fake", state, logit, count(params["head"])),
    ]
