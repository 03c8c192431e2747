"""The detector's network: an encoder for each frame, a temporal head for the clip, one logit."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from fdd.models.encoder import NOTES, Encoder, Path
from fdd.models.temporal import TemporalHead

PyTree = Any

FRAMES_AXIS = "frames"  # Batch statistics are computed over this axis and the batch.
ENCODER_PLACE = ("frame_features", "encoder")
"""The path of the encoder's parameters and statistics."""


class FrameFeatures(nn.Module):
    """An encoder, applied to one frame of each clip."""

    make_encoder: Callable[..., Encoder]
    data_axis: str | None = None

    def setup(self):
        axes = (FRAMES_AXIS, self.data_axis) if self.data_axis else FRAMES_AXIS
        self.encoder = self.make_encoder(axis_name=axes)

    def maps(self, images: jax.Array, train: bool) -> jax.Array:
        """Maps images [b, h, w, 3] to the encoder's output, at least float32."""
        maps = self.encoder(images, train=train)
        return maps.astype(jnp.promote_types(maps.dtype, jnp.float32))

    def pool(self, maps: jax.Array) -> jax.Array:
        """Maps the encoder's output to a vector per image, [b, c]."""
        return self.encoder.pool(maps)


class ClipClassifier(nn.Module):
    """A clip's logit: above 0 for fake.

    `encode` followed by `classify` is the same as a call. Questions about the parts, such as which
    parameters are the encoder's, are answered here; no other code knows the parameters' names.

    Attributes:
        make_encoder: A function from keyword arguments, fields of `Encoder`, to an encoder.
        make_temporal: The same for a `TemporalHead`.
        dropout_features: Dropout rate of the frames' features in training.
        dropout_head: Dropout rate of the input of `head` in training.
        unit_features: Whether each frame's features are divided by their Euclidean norm before
            the temporal head sees them.
        data_axis: Name of the mapped axis over the rest of the batch, if there is one; batch
            statistics include it.
        dtype: Type of clips, parameters, statistics and logits: float32 or float64. (The encoder's
            layers may compute in another type.)

    References:
        Frame-wise convolutional features and an LSTM for face forgeries: Güera and Delp, Deepfake
        Video Detection Using Recurrent Neural Networks, AVSS 2018.
    """

    make_encoder: Callable[..., Encoder]
    make_temporal: Callable[..., TemporalHead]
    dropout_features: float = 0.0
    dropout_head: float = 0.0
    unit_features: bool = False
    data_axis: str | None = None
    dtype: jnp.dtype = jnp.float32

    def setup(self):
        mapped = {
            "variable_axes": {"params": None, "batch_stats": None, NOTES: 0},
            "split_rngs": {"params": False},
            "axis_name": FRAMES_AXIS,
        }
        over_frames = nn.vmap(
            FrameFeatures,
            methods={"maps": {"in_axes": (0, None), **mapped}, "pool": {"in_axes": 0, **mapped}},
        )
        self.frame_features = over_frames(self.make_encoder, self.data_axis)
        place = self.make_temporal(parent=None).place
        self.temporal = self.make_temporal(name=place)
        self.head = nn.Dense(1, kernel_init=nn.initializers.glorot_uniform())

    def __call__(
        self, clips: jax.Array, *, train: bool, keys: jax.Array | None = None
    ) -> jax.Array:
        """Classifies clips.

        Args:
            clips: float [b, t, h, w, 3], normalised.
            train: Update batch statistics and use dropout.
            keys: A random key per clip, [b], for dropout.

        Returns:
            Logits, `dtype` [b].
        """
        return self.classify(self.encode(clips, train=train), train=train, keys=keys)

    def encode(self, clips: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips, float [b, t, h, w, 3], to features of their frames, `dtype` [b, t, c]."""
        return self.pool(self.feature_maps(clips, train=train))

    def feature_maps(self, clips: jax.Array, *, train: bool) -> jax.Array:
        """Like `encode`, but before pooling: `dtype` [b, t, ..., c], for maps h', w'."""
        frames = jnp.swapaxes(clips, 0, 1)  # [t, b, h, w, 3]: mapping the first axis is fastest.
        return jnp.swapaxes(self.frame_features.maps(frames, train), 0, 1)

    def pool(self, maps: jax.Array) -> jax.Array:
        """Maps the output of `feature_maps` to features of frames, `dtype` [b, t, c]."""
        return jnp.swapaxes(self.frame_features.pool(jnp.swapaxes(maps, 0, 1)), 0, 1)

    def classify(
        self, features: jax.Array, *, train: bool, keys: jax.Array | None = None
    ) -> jax.Array:
        """Maps features of frames, `dtype` [b, t, c], to logits, `dtype` [b]."""
        return self.decide(self.summarize(features, train=train, keys=keys), train=train, keys=keys)

    def summarize(
        self, features: jax.Array, *, train: bool, keys: jax.Array | None = None
    ) -> jax.Array:
        """Maps features of frames, `dtype` [b, t, c], to a vector per clip, `dtype` [b, c']."""
        if self.unit_features:
            features = unit(features)
        if train:
            features = _dropout(features, self.dropout_features, keys, 0)
        return self.temporal(features)

    @nn.nowrap
    def look(
        self, variables: PyTree, clips: jax.Array
    ) -> tuple[jax.Array, jax.Array, dict[str, jax.Array]]:
        """Classifies clips, and says what the encoder's parts make of their frames.

        Args:
            variables: {'params', 'batch_stats'}.
            clips: float [b, t, h, w, 3], normalised.

        Returns:
            Logits [b]; features of frames [b, t, c]; and what the encoder notes (`Encoder.note`),
            [b, t, 2 c'] by part, empty if it notes nothing.
        """

        def forward(model: "ClipClassifier") -> tuple[jax.Array, jax.Array]:
            features = model.encode(clips, train=False)
            return model.classify(features, train=False), features

        (logits, features), noted = self.apply(variables, method=forward, mutable=[NOTES])
        tree = functools.reduce(
            lambda each, key: each.get(key, {}), ENCODER_PLACE, noted.get(NOTES, {})
        )
        return logits, features, {part: jnp.swapaxes(tree[part], 0, 1) for part in sorted(tree)}

    def decide(
        self, vectors: jax.Array, *, train: bool, keys: jax.Array | None = None
    ) -> jax.Array:
        """Maps the vectors of clips, `dtype` [b, c'], to logits, `dtype` [b]."""
        if train:
            vectors = _dropout(vectors, self.dropout_head, keys, 1)
        return self.head(vectors)[:, 0]

    @property
    def encoder(self) -> Encoder:
        """The encoder alone, to ask it something or to apply it to `encoder_variables`."""
        return self.make_encoder()

    @nn.nowrap
    def part_of(self, path: Path) -> int | None:
        """Index in the encoder's `parts` of a parameter's part; None if it is not the encoder's."""
        if path[:2] != ENCODER_PLACE:
            return None
        return self.encoder.part_of(path[2:])

    @nn.nowrap
    def learns(self, path: Path) -> bool:
        """Whether a parameter ever learns: of the encoder, as its `tune` says; others do."""
        return path[:2] != ENCODER_PLACE or self.encoder.learns(path[2:])

    @nn.nowrap
    def encoder_variables(self, variables: PyTree) -> PyTree:
        """The encoder's part of {'params', 'batch_stats'}; a missing collection is empty."""
        return {
            kind: functools.reduce(lambda tree, key: tree.get(key, {}), ENCODER_PLACE, tree)
            for kind, tree in variables.items()
        }

    @nn.nowrap
    def with_encoder_variables(self, variables: PyTree, of_encoder: PyTree) -> PyTree:
        """The variables with those of the encoder replaced."""
        outer, inner = ENCODER_PLACE
        return {
            kind: {**tree, outer: {**tree[outer], inner: of_encoder[kind]}} if tree else tree
            for kind, tree in variables.items()
        }

    @nn.nowrap
    def redraw(self, key: jax.Array, params: PyTree) -> PyTree:
        """The parameters, with those of the temporal head drawn again by its `redraw`; pure."""
        head = self.make_temporal()
        if head.place not in params:
            return params
        return {**params, head.place: head.redraw(key, params[head.place])}

    @nn.nowrap
    def penalised(self, params: PyTree) -> list[jax.Array]:
        """The parameters whose squares `config.l2_lstm_kernel` adds to the loss."""
        head = self.make_temporal()
        return head.penalised(params[head.place]) if head.place in params else []


def unit(vectors: jax.Array) -> jax.Array:
    """Vectors, [..., c], divided by their Euclidean norms; zeros stay zeros, with gradient 0."""
    return vectors * jax.lax.rsqrt(jnp.maximum((vectors**2).sum(axis=-1, keepdims=True), 1e-24))


def _dropout(x: jax.Array, rate: float, keys: jax.Array | None, number: int) -> jax.Array:
    """Dropout in which a clip's mask does not depend on its batch.

    Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.
    """
    if not rate:
        return x

    def keep(key: jax.Array) -> jax.Array:
        return jax.random.bernoulli(jax.random.fold_in(key, number), 1 - rate, x.shape[1:])

    return jnp.where(jax.vmap(keep)(keys), x / (1 - rate), 0)
