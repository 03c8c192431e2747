"""Residual networks that turn an image into a feature map."""

import functools
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from fdd.devices import convolution as functional
from fdd.models.normalization import BatchNorm

ModuleDef = Callable[..., nn.Module]


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut; the first one strides."""

    features: int
    strides: int
    conv: ModuleDef
    norm: ModuleDef
    first_strides: bool = True

    expansion = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, h, w, c] to [b, h / strides, w / strides, features]."""
        y = self.conv(self.features, (3, 3), self.strides, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        return nn.relu(y + _shortcut(self, x, y))


class BottleneckBlock(nn.Module):
    """1×1, 3×3 and 1×1 convolutions beside a shortcut; the first or the 3×3 one strides."""

    features: int
    strides: int
    conv: ModuleDef
    norm: ModuleDef
    first_strides: bool = False

    expansion = 4

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b, h, w, c] to [b, h / strides, w / strides, 4 * features]."""
        first, second = (self.strides, 1) if self.first_strides else (1, self.strides)
        y = self.conv(self.features, (1, 1), first, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), second, padding=1, name="conv2")(y)
        y = nn.relu(self.norm(name="bn2")(y))
        y = self.conv(self.expansion * self.features, (1, 1), name="conv3")(y)
        y = self.norm(name="bn3")(y)
        return nn.relu(y + _shortcut(self, x, y))


def _shortcut(block: BasicBlock | BottleneckBlock, x: jax.Array, y: jax.Array) -> jax.Array:
    if x.shape == y.shape:
        return x
    x = block.conv(y.shape[-1], (1, 1), block.strides, name="downsample_conv")(x)
    return block.norm(name="downsample_bn")(x)


class ResNet(nn.Module):
    """A residual network without its classifier.

    Attributes:
        stage_sizes: Number of blocks in each stage; each stage but the first halves the map.
        block: `BasicBlock` or `BottleneckBlock`.
        width: Channels after the stem; each stage but the first doubles them.
        axis_name: Names of mapped axes that batch statistics are taken over besides the batch; one
            of them at least is a `jax.vmap`'s.
        dtype: Type of the computation; parameters and statistics are drawn as float32.
        remat: Keep only what lies between blocks for the backward pass, and compute the rest again
            (Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016).
        frozen_parts: So many parts, counted as `part_of` does, normalise with their running
            statistics in training too.
        version: 'v1', as in the paper and in Keras Applications: a bottleneck's first convolution
            strides, epsilon is 1.001e-5. 'v1.5', as in torchvision and timm: its 3×3 convolution
            strides, epsilon 1e-5. Convolutions have no biases, which the normalisation after them
            would take away again.

    References:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016. Layer names are
        torchvision's.
    """

    stage_sizes: Sequence[int]
    block: type[BasicBlock] | type[BottleneckBlock]
    width: int = 64
    axis_name: str | tuple[str, ...] | None = None
    dtype: jnp.dtype = jnp.float32
    remat: bool = False
    frozen_parts: int = 0
    version: str = "v1.5"

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps images [b, h, w, 3] to [b, h / 32, w / 32, c] for four stages."""
        v1 = self.version == "v1"
        conv = functools.partial(
            nn.Conv,
            padding=0,
            use_bias=False,
            dtype=self.dtype,
            conv_general_dilated=(
                functional.convolve_mapped if self.axis_name else functional.convolve
            ),
            kernel_init=nn.initializers.variance_scaling(2.0, "fan_out", "normal"),
        )

        def norm_of(part: int) -> ModuleDef:
            return functools.partial(
                BatchNorm,
                use_running_average=not train or part < self.frozen_parts,
                epsilon=1.001e-5 if v1 else 1e-5,
                axis_name=self.axis_name,
                dtype=self.dtype,
            )

        x = conv(self.width, (7, 7), 2, padding=3, name="conv1")(x)
        x = nn.relu(norm_of(0)(name="bn1")(x))
        x = functional.max_pool(x)
        block = nn.remat(self.block) if self.remat else self.block
        for stage, num_blocks in enumerate(self.stage_sizes):
            for index in range(num_blocks):
                x = block(
                    features=self.width * 2**stage,
                    strides=2 if stage > 0 and index == 0 else 1,
                    conv=conv,
                    norm=norm_of(stage + 1),
                    first_strides=v1 or self.block is BasicBlock,
                    name=f"layer{stage + 1}_{index}",
                )(x)
        return x


VERSIONS = ("v1", "v1.5")
PARTS = ("stem", "stage1", "stage2", "stage3", "stage4")


def part_of(layer: str) -> int:
    """Index in `PARTS` of a layer of a `ResNet`, by the layer's name."""
    return int(layer[len("layer") : layer.index("_")]) if layer.startswith("layer") else 0


ENCODERS: dict[str, Callable[..., ResNet]] = {
    "resnet18": functools.partial(ResNet, (2, 2, 2, 2), BasicBlock),
    "resnet34": functools.partial(ResNet, (3, 4, 6, 3), BasicBlock),
    "resnet50": functools.partial(ResNet, (3, 4, 6, 3), BottleneckBlock),
    "resnet101": functools.partial(ResNet, (3, 4, 23, 3), BottleneckBlock),
    "resnet152": functools.partial(ResNet, (3, 8, 36, 3), BottleneckBlock),
    # For tests: every kind of layer, quickly.
    "resnet_tiny": functools.partial(ResNet, (1, 1), BottleneckBlock),
}
