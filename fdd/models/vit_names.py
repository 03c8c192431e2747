"""Names of the parameters of vision transformers in Hugging Face's transformers."""

from collections.abc import Mapping
from typing import NamedTuple

from fdd.models.encoder import Path, StoredAs


class Names(NamedTuple):
    """How a network's tensors are named.

    Attributes:
        block: Prefix of the names in a block, with a place for the block's number from 0.
        layers: The stored name of each layer, by our name; the tensor's name is appended.
        tensors: How tensors outside of layers are stored, by our name.
    """

    block: str
    layers: Mapping[str, str]
    tensors: Mapping[str, StoredAs]


CLIP = Names(
    block="vision_model.encoder.layers.{}.",
    layers={
        "patches": "vision_model.embeddings.patch_embedding",
        "pre_norm": "vision_model.pre_layrnorm",
        "norm": "vision_model.post_layernorm",
        "norm1": "layer_norm1",
        "query": "self_attn.q_proj",
        "key": "self_attn.k_proj",
        "value": "self_attn.v_proj",
        "out": "self_attn.out_proj",
        "norm2": "layer_norm2",
        "up": "mlp.fc1",
        "down": "mlp.fc2",
    },
    tensors={
        "class_token": StoredAs(name="vision_model.embeddings.class_embedding"),
        "positions": StoredAs(name="vision_model.embeddings.position_embedding.weight"),
    },
)
DINOV3 = Names(
    block="layer.{}.",
    layers={
        "patches": "embeddings.patch_embeddings",
        "norm": "norm",
        "norm1": "norm1",
        "query": "attention.q_proj",
        "key": "attention.k_proj",
        "value": "attention.v_proj",
        "out": "attention.o_proj",
        "norm2": "norm2",
        "up": "mlp.up_proj",
        "down": "mlp.down_proj",
    },
    tensors={
        "class_token": StoredAs(name="embeddings.cls_token", ones=2),
        "registers": StoredAs(name="embeddings.register_tokens", ones=1),
        "scale1": StoredAs(name="layer_scale1.lambda1"),
        "scale2": StoredAs(name="layer_scale2.lambda1"),
    },
)
_TENSORS = {"kernel": "weight", "scale": "weight", "bias": "bias"}


def stored_as(path: Path, names: Names) -> StoredAs:
    """Which tensor holds a parameter.

    Args:
        path: The parameter's path, such as ('block1', 'query', 'kernel').
        names: The names for this kind of network.
    """
    block = names.block.format(int(path[0].removeprefix("block")) - 1) if "block" in path[0] else ""
    *_, layer, tensor = path
    if tensor in names.tensors:
        alone = names.tensors[tensor]
        return alone._replace(name=block + alone.name)
    name = f"{block}{names.layers[layer]}.{_TENSORS[tensor]}"
    if tensor != "kernel":
        return StoredAs(name=name)
    return StoredAs(name=name, axes=(2, 3, 1, 0) if layer == "patches" else (1, 0))
