"""What a network that sees one frame has to offer."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

Path = tuple[str, ...]
"""Where an array lies in a network's parameters or statistics."""

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class StoredAs(NamedTuple):
    """A tensor of somebody else's file.

    Attributes:
        name: Its name there.
        axes: Which of its axes becomes each axis of ours; None: they are the same.
        ones: How many axes of length 1 it has before those.
    """

    name: str
    axes: tuple[int, ...] | None = None
    ones: int = 0

    def ours(self, tensor: np.ndarray) -> np.ndarray:
        """The tensor with our axes.

        Raises:
            ValueError: it has not as many as it should.
        """
        tensor = tensor.squeeze(tuple(range(self.ones)))
        return tensor if self.axes is None else tensor.transpose(self.axes)

    def theirs(self, array: np.ndarray) -> np.ndarray:
        """The opposite of `ours`."""
        tensor = array if self.axes is None else array.transpose(np.argsort(self.axes))
        return tensor.reshape((1,) * self.ones + tensor.shape)


class Encoder(nn.Module, kw_only=True):
    """A network that sees one frame: the base class of all encoders.

    A subclass defines `__call__`; what else is here has a default. Its own fields are filled from
    `config.model`, by name: a field `width` is `config.model.width`. `fdd` maps it over the frames
    of a clip.

    Attributes:
        dtype: Type of the computation; parameters and statistics are drawn as float32.
        remat: Keep less for the backward pass, and compute the rest again.
        frozen_parts: The batch norms of this many parts, the first ones, use their running
            statistics in training too.
        tune: Which of its parameters learn, one of `tunes`.
        axis_name: Names of the mapped axes that batch statistics are taken over besides the batch.
        mean: Per channel, what normalisation subtracts, in units of 0 to 255, where neither the
            config nor the weights that are loaded say otherwise.
        std: Per channel, what normalisation divides by, likewise.
        choices: Values that a field may have, where only some will do.
        layouts: Kinds of files whose tensors `stored_as` can name, 'torch' (.safetensors) or
            'keras' (.h5), each with the version of the network that such files hold, '' where
            there is only one.
        tunes: Values of `tune` that it knows.
        pool_title: What the diagram of the layers calls `pool`.
    """

    dtype: jnp.dtype = jnp.float32
    remat: bool = False
    frozen_parts: int = 0
    tune: str = "all"
    axis_name: str | tuple[str, ...] | None = None

    mean: ClassVar[tuple[float, ...]] = IMAGENET_MEAN
    std: ClassVar[tuple[float, ...]] = IMAGENET_STD
    choices: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    layouts: ClassVar[Mapping[str, str]] = {}
    tunes: ClassVar[tuple[str, ...]] = ("all",)
    pool_title: ClassVar[str] = "Global average pooling"

    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        """Maps images to what is pooled.

        Args:
            images: float [b, h, w, 3], normalised.
            train: Update batch statistics, if there are any.

        Returns:
            A feature map [b, h', w', c], tokens [b, n, c], or a vector per image [b, c].
        """
        raise NotImplementedError

    def pool(self, maps: jax.Array) -> jax.Array:
        """Maps what a call gives, float32 at least, to a vector per image, [b, c].

        Here: the mean over all places. Saliency is the gradient by what comes in.
        """
        return maps.mean(axis=tuple(range(1, maps.ndim - 1))) if maps.ndim > 2 else maps

    @nn.nowrap
    def as_picture(self, values: jax.Array) -> jax.Array:
        """Lays out a value for each place of what a call gives as a picture.

        Args:
            values: float [b, h', w'] of maps, [b, n] of tokens, [b] of vectors.

        Returns:
            float [b, h'', w'']. Here: those of maps as they are; others, which are no picture,
            summed, [b, 1, 1].
        """
        return values if values.ndim == 3 else values.reshape(len(values), 1, -1).sum(-1)[..., None]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of its parts, from the image on, for `config.freeze`."""
        return ("network",)

    @nn.nowrap
    def part_of(self, path: Path) -> int:
        """Index in `parts` of what a parameter or a statistic belongs to."""
        return 0

    @nn.nowrap
    def learns(self, path: Path) -> bool:
        """Whether a parameter is one that `tune` has learn."""
        return True

    @nn.nowrap
    def title_of(self, part: int) -> str:
        """What the diagram of the layers calls a part."""
        return f"{type(self).__name__}, {self.parts[part]}"

    @nn.nowrap
    def stored_as(self, layout: str, path: Path) -> StoredAs:
        """Which tensor of a file holds a parameter or a statistic.

        Args:
            layout: One of `layouts`.
            path: Where it lies.
        """
        raise NotImplementedError

    @nn.nowrap
    def name_in(self, layout: str, name: str) -> str | None:
        """What `stored_as` calls a tensor of a file; None: of something else, which is left.

        Args:
            layout: One of `layouts`.
            name: In the file.
        """
        return name
