"""The interface of encoders, networks that see one frame."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

Path = tuple[str, ...]
"""The path of an array in a network's parameters or statistics."""

NOTES = "intermediates"
"""The collection of what `Encoder.note` notes; Flax leaves it out of new variables."""

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class StoredAs(NamedTuple):
    """A tensor in a file of pretrained weights.

    Attributes:
        name: Its name in the file.
        axes: For each of our axes, the file's axis; None: they are the same.
        ones: How many axes of length 1 it has before those.
    """

    name: str
    axes: tuple[int, ...] | None = None
    ones: int = 0

    def ours(self, tensor: np.ndarray) -> np.ndarray:
        """The tensor with our axes.

        Raises:
            ValueError: it has another number of axes.
        """
        tensor = tensor.squeeze(tuple(range(self.ones)))
        return tensor if self.axes is None else tensor.transpose(self.axes)

    def theirs(self, array: np.ndarray) -> np.ndarray:
        """The inverse of `ours`."""
        tensor = array if self.axes is None else array.transpose(np.argsort(self.axes))
        return tensor.reshape((1,) * self.ones + tensor.shape)


class Encoder(nn.Module, kw_only=True):
    """A network that sees one frame: the base class of all encoders.

    A subclass defines `__call__`; everything else has a default. Its own fields are filled from
    `config.model`, by name: a field `width` gets `config.model.width`. `fdd` maps the encoder over
    the frames of a clip.

    Attributes:
        dtype: Type of the computation; parameters and statistics are float32 at first.
        remat: Store less for the backward pass, and compute the rest again.
        frozen_parts: The batch norms of this number of first parts use their running statistics
            in training too.
        tune: Which of its parameters are trained, one of `tunes`.
        axis_name: Names of the mapped axes that batch statistics include besides the batch.
        mean: What normalisation subtracts per channel, in units of 0 to 255, if neither the config
            nor the loaded weights say otherwise.
        std: What normalisation divides by per channel; the same holds.
        choices: The permitted values of fields, for fields that permit only some.
        layouts: Kinds of files whose tensors `stored_as` can name: 'torch' (.safetensors) or
            'keras' (.h5), each with the version of the network in such files; '' if there is only
            one version.
        tunes: The values of `tune` that it supports.
        pool_title: Name of `pool` in the diagram of the layers.
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
        """Maps images to the input of `pool`.

        Args:
            images: float [b, h, w, 3], normalised.
            train: Update batch statistics, if there are any.

        Returns:
            A feature map [b, h', w', c], tokens [b, n, c], or a vector per image [b, c].
        """
        raise NotImplementedError

    def pool(self, maps: jax.Array) -> jax.Array:
        """Maps the result of a call, at least float32, to a vector per image, [b, c].

        By default the mean over all positions. Saliency is the gradient with respect to its input.
        """
        return maps.mean(axis=tuple(range(1, maps.ndim - 1))) if maps.ndim > 2 else maps

    def note(self, part: str, maps: jax.Array) -> None:
        """Notes what a part makes of each image, for `fdd.evaluation.familiarity`.

        Only a call with the collection `NOTES` mutable computes it, so training does not. The name
        is prefixed, since Flax lets nothing have the name of a layer. An
        encoder that notes nothing is known by its features alone.

        Args:
            part: A name.
            maps: A feature map [b, h', w', c] or tokens [b, n, c]; their mean and their standard
                deviation over the positions are noted.
        """
        if self.is_mutable_collection(NOTES):
            maps = maps.astype(jnp.promote_types(maps.dtype, jnp.float32))
            positions = tuple(range(1, maps.ndim - 1))
            both = maps.mean(axis=positions), maps.std(axis=positions)
            self.sow(
                NOTES, f"after_{part}", jnp.concatenate(both, axis=-1), reduce_fn=lambda _, new: new
            )

    @nn.nowrap
    def as_picture(self, values: jax.Array) -> jax.Array:
        """Arranges one value per position of a call's result as a picture.

        Args:
            values: float [b, h', w'] of maps, [b, n] of tokens, [b] of vectors.

        Returns:
            float [b, h'', w'']. By default, values of maps are unchanged, and others, which form
            no picture, are summed: [b, 1, 1].
        """
        return values if values.ndim == 3 else values.reshape(len(values), 1, -1).sum(-1)[..., None]

    @nn.nowrap
    def attended(self, variables: Any, images: jax.Array) -> jax.Array | None:
        """How much each position of a picture enters an image's vector, by attention.

        Saliency divides a frame's contribution among positions in this ratio. None, the default:
        there is no attention, and saliency is Grad-CAM.

        Args:
            variables: {'params', 'batch_stats'} of the encoder.
            images: float [b, h, w, 3], normalised.

        Returns:
            float [b, h', w'], at least 0.
        """
        return None

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of its parts in order, starting at the image, for `config.freeze`."""
        return ("network",)

    @nn.nowrap
    def part_of(self, path: Path) -> int:
        """Index in `parts` of the part that a parameter or a statistic belongs to."""
        return 0

    @nn.nowrap
    def learns(self, path: Path) -> bool:
        """Whether a parameter is trained, according to `tune`."""
        return True

    @nn.nowrap
    def title_of(self, part: int) -> str:
        """A part's name in the diagram of the layers."""
        return f"{type(self).__name__}, {self.parts[part]}"

    @property
    def stated(self) -> Mapping[str, Any]:
        """Settings that a config.json beside weights must not contradict; no shape shows them."""
        return {}

    @nn.nowrap
    def stored_as(self, layout: str, path: Path) -> StoredAs:
        """Which tensor of a file holds a parameter or a statistic.

        Args:
            layout: One of `layouts`.
            path: The path of the parameter or statistic.
        """
        raise NotImplementedError

    @nn.nowrap
    def name_in(self, layout: str, name: str) -> str | None:
        """The name that `stored_as` uses for a file's tensor; None if it is of another network.

        Args:
            layout: One of `layouts`.
            name: The tensor's name in the file.
        """
        return name
