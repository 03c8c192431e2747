"""Residual networks that turn an image into a feature map."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import flax.linen as nn
import jax

from fdd.devices import convolution as functional
from fdd.models.encoder import Encoder, Path, StoredAs
from fdd.models.normalization import BatchNorm

ModuleDef = Callable[..., nn.Module]


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut; the first convolution has the strides."""

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
    """1×1, 3×3, 1×1 convolutions and a shortcut; the first or the 3×3 one has the strides."""

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


class ResNet(Encoder):
    """A residual network without its classifier.

    Convolutions have no biases, since the normalisation after them would remove them. With `remat`,
    only the values between blocks are stored (Chen et al., Training Deep Nets with Sublinear Memory
    Cost, 2016).

    Attributes:
        stage_sizes: Number of blocks in each stage; each stage but the first halves the map.
        block: `BasicBlock` or `BottleneckBlock`.
        width: Channels after the stem; each stage but the first doubles them.
        version: 'v1', as in the paper and in Keras Applications: a bottleneck's first convolution
            has the strides, epsilon is 1.001e-5. 'v1.5', as in torchvision and timm: its 3×3
            convolution has the strides, epsilon is 1e-5.

    References:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016. Layer names are
        torchvision's.
    """

    stage_sizes: Sequence[int]
    block: type[BasicBlock] | type[BottleneckBlock]
    width: int = 64
    version: str = "v1.5"

    choices: ClassVar[Mapping[str, tuple[Any, ...]]] = {"version": ("v1", "v1.5")}
    layouts: ClassVar[Mapping[str, str]] = {"keras": "v1", "torch": "v1.5"}

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        """Maps images [b, h, w, 3] to a map [b, h / 32, w / 32, c] for four stages.

        If `axis_name` is not empty, one of its axes is that of a `jax.vmap`.
        """
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

        x = conv(self.width, (7, 7), 2, padding=3, name="conv1")(images)
        x = nn.relu(norm_of(0)(name="bn1")(x))
        x = functional.max_pool(x)
        self.note("stem", x)
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
            self.note(f"stage{stage + 1}", x)
        return x

    @property
    def parts(self) -> tuple[str, ...]:
        """The stem and the stages."""
        return ("stem", *(f"stage{stage + 1}" for stage in range(len(self.stage_sizes))))

    @nn.nowrap
    def part_of(self, path: Path) -> int:
        """Index in `parts` of the part that a parameter or a statistic belongs to."""
        return int(match[1]) if (match := _BLOCK.fullmatch(path[0])) else 0

    @nn.nowrap
    def title_of(self, part: int) -> str:
        """A part's name in the diagram of the layers."""
        if part == 0:
            return "Convolution 7×7, batch norm, max pooling 3×3"
        return f"ResNet stage {part}, {self.stage_sizes[part - 1]} blocks"

    @nn.nowrap
    def stored_as(self, layout: str, path: Path) -> StoredAs:
        """Uses the names of torchvision and timm, or of Keras Applications."""
        if layout == "keras":
            return StoredAs(name=_keras_name(path))
        return StoredAs(name=_torch_name(path), axes=(2, 3, 1, 0) if path[-1] == "kernel" else None)


_BLOCK = re.compile(r"layer(\d+)_(\d+)")
_TORCH = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
_KERAS = {
    "kernel": "kernel",
    "scale": "gamma",
    "bias": "beta",
    "mean": "moving_mean",
    "var": "moving_variance",
}


def _torch_name(path: Path) -> str:
    """('layer1_0', 'downsample_bn', 'mean') to 'layer1.0.downsample.1.running_mean'."""
    *layers, tensor = (_BLOCK.sub(r"layer\1.\2", layer) for layer in path)
    shortcut = {"downsample_conv": "downsample.0", "downsample_bn": "downsample.1"}
    return ".".join([*(shortcut.get(layer, layer) for layer in layers), _TORCH[tensor]])


def _keras_name(path: Path) -> str:
    """('layer1_0', 'downsample_bn', 'mean') to 'conv2_block1_0_bn/moving_mean'."""
    *layers, tensor = path
    kind = "bn" if "bn" in layers[-1] else "conv"
    if len(layers) == 1:
        layer = f"conv1_{kind}"
    else:
        stage, block = map(int, _BLOCK.fullmatch(layers[0]).groups())
        number = re.search(r"\d$", layers[-1])
        layer = f"conv{stage + 1}_block{block + 1}_{number[0] if number else 0}_{kind}"
    return f"{layer}/{_KERAS[tensor]}"


RESNETS: dict[str, Callable[..., ResNet]] = {
    "resnet18": functools.partial(ResNet, (2, 2, 2, 2), BasicBlock),
    "resnet34": functools.partial(ResNet, (3, 4, 6, 3), BasicBlock),
    "resnet50": functools.partial(ResNet, (3, 4, 6, 3), BottleneckBlock),
    "resnet101": functools.partial(ResNet, (3, 4, 23, 3), BottleneckBlock),
    "resnet152": functools.partial(ResNet, (3, 8, 36, 3), BottleneckBlock),
    # For tests: quick to compile, with every kind of layer.
    "resnet_tiny": functools.partial(ResNet, (1,), BottleneckBlock),
}
