"""Parts as users would write them in their own files; tests name them in a config.

Their programs compile in a fraction of the time that a ResNet's take.
"""

import collections
import functools
import pathlib

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import tensorflow_datasets as tfds

from fdd.data.builder import ClipBuilder
from fdd.data.catalog import Holdings, Video
from fdd.data.clip_config import ClipConfig, standard_settings
from fdd.models.encoder import Encoder
from fdd.models.normalization import BatchNorm
from fdd.models.temporal import TemporalHead


class Stripes(Encoder):
    """Tokens of horizontal stripes: an encoder without a square map, and without batch norm.

    Attributes:
        depth: Number of layers after the first.
        batch_norm: Whether each layer normalises.
    """

    depth: int = 2
    batch_norm: bool = False

    mean = (127.5, 127.5, 127.5)
    std = (64.0, 64.0, 64.0)

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        """Maps [b, h, w, 3] to [b, h / 8, 8]."""
        batch, height = images.shape[:2]
        tokens = images.reshape(batch, height // 8, -1)
        for index, name in enumerate(self.parts):
            tokens = nn.Dense(8, dtype=self.dtype, name=name)(tokens)
            if self.batch_norm:
                frozen = not train or index < self.frozen_parts
                norm = BatchNorm(frozen, axis_name=self.axis_name, name=f"{name}_norm")
                tokens = norm(tokens)
            tokens = nn.relu(tokens)
        return tokens

    @property
    def parts(self) -> tuple[str, ...]:
        """A part for each layer."""
        return ("first", *(f"layer{index + 1}" for index in range(self.depth)))

    @nn.nowrap
    def part_of(self, path: tuple[str, ...]) -> int:
        """By the layer's name."""
        return self.parts.index(path[0].removesuffix("_norm"))


NormalisedStripes = functools.partial(Stripes, batch_norm=True)


class Changes(TemporalHead):
    """The mean over the frames, and the mean absolute change from each frame to the next."""

    change_features: int = 4

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        """Maps [b, t, c] to [b, change_features]."""
        changes = jnp.abs(jnp.diff(features, axis=1)).mean(axis=1)
        both = jnp.concatenate([features.mean(axis=1), changes], axis=-1)
        return nn.Dense(self.change_features, name="mix")(both)


def focal(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Focal loss (Lin et al., Focal Loss for Dense Object Detection, ICCV 2017)."""
    return optax.sigmoid_focal_loss(logits, labels.astype(logits.dtype))


class TwoFolders(ClipBuilder):
    """A data set in two folders, genuine/ and forged/.

    A video's name ends with its person's number. Persons 0 and 1 are for validation and test, the
    others for training.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "manual_dir holds genuine/ and forged/."
    BUILDER_CONFIGS = [ClipConfig(**settings) for settings in standard_settings()]

    def survey(self, root: pathlib.Path) -> Holdings:
        """Lists the videos."""
        videos = []
        for path in sorted(root.glob("*/*.mp4")):
            label = {"genuine": "real", "forged": "fake"}[path.parent.name]
            person = path.stem.rpartition("_")[2]
            split = {"0": "validation", "1": "test"}.get(person, "train")
            source = person if label == "fake" else ""
            videos.append(
                Video(
                    path=str(path),
                    label=label,
                    method=path.parent.name,
                    name=path.stem,
                    target=person,
                    source=source,
                    split=split,
                    compression="",
                )
            )
        expected = collections.Counter((video.split, video.method) for video in videos)
        return Holdings(videos=videos, expected=expected, ignored=[], root=root)
