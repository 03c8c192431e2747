"""Vision transformers, which turn an image into tokens: CLIP's form and DINOv3's."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from fdd.models import positions, vit_names
from fdd.models.encoder import Encoder, Path, StoredAs
from fdd.models.tokens import Embedding
from fdd.models.transformer import ACTIVATIONS, ATTENTION, EPSILON, Block, layer_norm

_CLIP_UNUSED = ("text_model.", "text_projection.", "visual_projection.", "logit_scale")
_NOTED = 4  # Blocks, evenly spread, whose tokens are noted.
_NORMS = ("pre_norm", "norm1", "norm2", "norm")


class VisionTransformer(Encoder):
    """A vision transformer whose features are its class token, normalised.

    A call returns the tokens before the last block; `pool` computes the rest, and of the last block
    only the class token. With `remat`, only the values between blocks are stored.

    Attributes:
        features: Size of a token.
        num_blocks: Number of blocks.
        num_heads: Number of attention heads.
        patch_size: Side of a patch in pixels.
        activation: Activation of the MLPs, 'quick_gelu' or 'gelu'. Their hidden layers have four
            times `features` units.
        grid: Side, in patches, of the grid of learned position embeddings, which are interpolated
            for other image sizes; 0: there are none.
        num_registers: Number of register tokens.

    References:
        Dosovitskiy et al., An Image is Worth 16x16 Words: Transformers for Image Recognition at
        Scale, ICLR 2021. Registers: Darcet et al., Vision Transformers Need Registers, ICLR 2024.
    """

    features: int
    num_blocks: int
    num_heads: int
    patch_size: int
    activation: str
    grid: int = 0
    num_registers: int = 0

    choices: ClassVar[Mapping[str, tuple[Any, ...]]] = {"activation": tuple(ACTIVATIONS)}
    layouts: ClassVar[Mapping[str, str]] = {"torch": ""}
    tunes: ClassVar[tuple[str, ...]] = ("all", "layer_norm")
    pool_title: ClassVar[str] = "Class token, layer norm"
    pre_norm: ClassVar[bool] = False
    patch_bias: ClassVar[bool] = False
    key_bias: ClassVar[bool] = True
    layer_scale: ClassVar[bool] = False
    rotary: ClassVar[bool] = False

    def setup(self):
        self.embedding = Embedding(
            self.features,
            self.patch_size,
            self.patch_bias,
            self.num_registers,
            self.grid,
            self.pre_norm,
            self.dtype,
        )
        block = nn.remat(Block) if self.remat else Block
        self.blocks = [
            block(
                num_heads=self.num_heads,
                mlp_features=4 * self.features,
                activation=self.activation,
                key_bias=self.key_bias,
                layer_scale=self.layer_scale,
                only=int(number == self.num_blocks),
                dtype=self.dtype,
                name=f"block{number}",
            )
            for number in range(1, self.num_blocks + 1)
        ]
        self.norm = layer_norm(self.dtype, "norm")

    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        """Maps images [b, h, w, 3] to tokens [b, n, features]."""
        tokens = self.embedding(images)
        turned = self._rotation(*(side // self.patch_size for side in images.shape[1:3]))
        noted = {round(part * (self.num_blocks - 1) / _NOTED) for part in range(1, _NOTED + 1)}
        for number, block in enumerate(self.blocks[:-1], 1):
            tokens = block(tokens, turned)
            if number in noted:
                self.note(f"block{number}", tokens[:, self._num_first :])
        return tokens

    def pool(self, maps: jax.Array) -> jax.Array:
        """Maps tokens [b, n, features] to the class token after the last block, [b, features]."""
        side = math.isqrt(maps.shape[1] - self._num_first)
        last = self.blocks[-1](maps.astype(self.dtype), self._rotation(side, side))
        return self.norm(last)[:, 0].astype(maps.dtype)

    @nn.nowrap
    def attended(self, variables: Any, images: jax.Array) -> jax.Array:
        """Attention rollout: what flows from each patch to the class token, [b, h', w'].

        A block passes on half of what it gets unchanged. In a deletion test
        (`tests/benchmarks/saliency.py`), this found more than Grad-CAM at the last block's input.

        References:
            Abnar and Zuidema, Quantifying Attention Flow in Transformers, ACL 2020.
        """

        def all_blocks(encoder: VisionTransformer, images: jax.Array) -> jax.Array:
            return encoder.pool(encoder(images, train=False))

        _, seen = self.apply(variables, images, method=all_blocks, mutable=[ATTENTION])
        *blocks, flow = (
            seen[ATTENTION][f"block{number}"]["weights"][0]
            for number in range(1, self.num_blocks + 1)
        )
        flow = (flow + jnp.eye(*flow.shape[1:])) / 2
        for weights in reversed(blocks):
            flow = (flow @ weights + flow) / 2
        return self.as_picture(flow[:, 0])

    @nn.nowrap
    def as_picture(self, values: jax.Array) -> jax.Array:
        """Arranges one value per token, [..., n], as a picture of the patches, [..., h', w']."""
        patches = values[..., self._num_first :]
        return patches.reshape(*patches.shape[:-1], *[math.isqrt(patches.shape[-1])] * 2)

    @property
    def parts(self) -> tuple[str, ...]:
        """The embedding, and each block; the last block includes the final layer norm."""
        return ("embedding", *(f"block{number}" for number in range(1, self.num_blocks + 1)))

    @nn.nowrap
    def part_of(self, path: Path) -> int:
        """Index in `parts` of the part that a parameter belongs to."""
        return self.num_blocks if path[0] == "norm" else self.parts.index(path[0])

    @nn.nowrap
    def title_of(self, part: int) -> str:
        """A part's name in the diagram of the layers."""
        if part == 0:
            return f"Patches of {self.patch_size}×{self.patch_size}, embedding"
        return f"Transformer block {part}, {self.num_heads} heads"

    @nn.nowrap
    def learns(self, path: Path) -> bool:
        """Whether a parameter is trained, according to `tune`."""
        return self.tune == "all" or not {*_NORMS}.isdisjoint(path)

    @property
    def stated(self) -> Mapping[str, Any]:
        """Settings by their names in the configs of transformers; see `Encoder.stated`."""
        shared = {"hidden_act": self.activation, "layer_norm_eps": EPSILON}
        turned = {"rope_theta": positions.BASE, "use_gated_mlp": False} if self.rotary else {}
        return {**shared, "num_attention_heads": self.num_heads, **turned}

    @property
    def _num_first(self) -> int:
        return 1 + self.num_registers

    def _rotation(self, rows: int, columns: int) -> Any:
        if not self.rotary:
            return None
        size = self.features // self.num_heads
        return positions.rotation(rows, columns, size, unmoved=self._num_first)


class ClipVit(VisionTransformer):
    """CLIP's image encoder: learned positions, and a layer norm before the first block.

    References:
        Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML
        2021. Tensors are named as by `CLIPVisionModel` and `CLIPModel` of Hugging Face's
        transformers.
    """

    mean: ClassVar[tuple[float, ...]] = (122.7709383, 116.7460125, 104.09373615)
    std: ClassVar[tuple[float, ...]] = (68.5005327, 66.6321579, 70.32316305)
    pre_norm: ClassVar[bool] = True

    @nn.nowrap
    def stored_as(self, layout: str, path: Path) -> StoredAs:
        """Names of transformers' CLIP."""
        return vit_names.stored_as(path, vit_names.CLIP)

    @nn.nowrap
    def name_in(self, layout: str, name: str) -> str | None:
        """Adds CLIPVisionModel's prefix if it is missing; the text encoder is ignored."""
        if name.startswith(_CLIP_UNUSED) or name.endswith(".position_ids"):
            return None
        return name if name.startswith("vision_model.") else f"vision_model.{name}"


class Dinov3Vit(VisionTransformer):
    """DINOv3's vision transformer: registers, layer scale, and rotary positions.

    References:
        Siméoni et al., DINOv3, 2025. Tensors are named as by `DINOv3ViTModel` of Hugging Face's
        transformers.
    """

    patch_bias: ClassVar[bool] = True
    key_bias: ClassVar[bool] = False
    layer_scale: ClassVar[bool] = True
    rotary: ClassVar[bool] = True

    @nn.nowrap
    def stored_as(self, layout: str, path: Path) -> StoredAs:
        """Names of transformers' DINOv3."""
        return vit_names.stored_as(path, vit_names.DINOV3)

    @nn.nowrap
    def name_in(self, layout: str, name: str) -> str | None:
        """Removes a prefix; the token that replaced masked patches in pretraining is ignored."""
        return None if name == "embeddings.mask_token" else name.removeprefix("model.")


_BASE = {"features": 768, "num_blocks": 12, "num_heads": 12}
_LARGE = {"features": 1024, "num_blocks": 24, "num_heads": 16}
_TINY = {"features": 8, "num_blocks": 2, "num_heads": 2, "patch_size": 8}
_clip = functools.partial(ClipVit, activation="quick_gelu")
_dinov3 = functools.partial(Dinov3Vit, activation="gelu")

VITS: dict[str, Callable[..., VisionTransformer]] = {
    "clip_vit_b16": functools.partial(_clip, **_BASE, patch_size=16, grid=14),
    "clip_vit_l14": functools.partial(_clip, **_LARGE, patch_size=14, grid=16),
    "dinov3_vit_l16": functools.partial(_dinov3, **_LARGE, patch_size=16, num_registers=4),
    # For tests: small and fast, with every kind of layer.
    "clip_vit_tiny": functools.partial(_clip, **_TINY, grid=4),
    "dinov3_vit_tiny": functools.partial(_dinov3, **_TINY, num_registers=2),
}
