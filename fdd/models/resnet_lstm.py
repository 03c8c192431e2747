"""The detector: a ResNet on every frame, an LSTM over the frames, one logit per clip."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from fdd.models.lstm import LSTM
from fdd.models.resnet import ResNet

TEMPORAL = ("lstm", "mean")
FRAMES_AXIS = "frames"  # Batch statistics are taken over it and the batch.


class FrameFeatures(nn.Module):
    """An encoder, for one frame of each clip."""

    make_encoder: Callable[..., ResNet]
    data_axis: str | None = None

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Maps images [b, h, w, 3] to feature maps [b, h / 32, w / 32, c], float32 at least."""
        axes = (FRAMES_AXIS, self.data_axis) if self.data_axis else FRAMES_AXIS
        encoder = self.make_encoder(axis_name=axes, name="encoder")
        maps = encoder(images, train=train)
        return maps.astype(jnp.promote_types(maps.dtype, jnp.float32))


class ResNetLSTM(nn.Module):
    """A clip's logit: above 0 for fake.

    `encode` and then `judge` do the same as a call.

    Attributes:
        make_encoder: One of `fdd.models.resnet.ENCODERS`.
        lstm_features: Size of the LSTM's state.
        temporal: 'lstm'; or 'mean', the mean of the frames' features, which is blind to their
            order: a control that shows what time adds.
        dropout_features: Share of the frames' features that training leaves out.
        dropout_head: Share of what `head` sees that training leaves out.
        data_axis: Name of the mapped axis that holds the rest of the batch, if there is one; batch
            statistics are over all of it.
        dtype: Of clips, parameters, statistics and logits: float32 or float64. (What the encoder's
            convolutions compute in is its own matter.)

    References:
        Frame-wise convolutional features and an LSTM for face forgeries: Güera and Delp, Deepfake
        Video Detection Using Recurrent Neural Networks, AVSS 2018.
    """

    make_encoder: Callable[..., ResNet]
    lstm_features: int = 256
    temporal: str = "lstm"
    dropout_features: float = 0.0
    dropout_head: float = 0.0
    data_axis: str | None = None
    dtype: jnp.dtype = jnp.float32

    def setup(self):
        over_frames = nn.vmap(
            FrameFeatures,
            in_axes=(0, None),
            variable_axes={"params": None, "batch_stats": None},
            split_rngs={"params": False},
            axis_name=FRAMES_AXIS,
        )
        self.frame_features = over_frames(self.make_encoder, self.data_axis)
        if self.temporal == "lstm":
            self.lstm_cell = LSTM(self.lstm_features)
        self.head = nn.Dense(1, kernel_init=nn.initializers.glorot_uniform())

    def __call__(
        self, clips: jax.Array, *, train: bool, keys: jax.Array | None = None
    ) -> jax.Array:
        """Judges clips.

        Args:
            clips: float [b, t, h, w, 3], normalised.
            train: Update batch statistics, and use dropout.
            keys: A random key per clip, [b], for dropout.

        Returns:
            Logits, `dtype` [b].
        """
        return self.judge(self.encode(clips, train=train), train=train, keys=keys)

    def encode(self, clips: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips, float [b, t, h, w, 3], to features of their frames, `dtype` [b, t, c]."""
        return self.feature_maps(clips, train=train).mean(axis=(2, 3))

    def feature_maps(self, clips: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips, as `encode`, to what it pools: `dtype` [b, t, h / 32, w / 32, c]."""
        frames = jnp.swapaxes(clips, 0, 1)  # [t, b, h, w, 3]: a leading mapped axis is fastest.
        return jnp.swapaxes(self.frame_features(frames, train), 0, 1)

    def judge(
        self, features: jax.Array, *, train: bool, keys: jax.Array | None = None
    ) -> jax.Array:
        """Maps features of frames, `dtype` [b, t, c], to logits, `dtype` [b]."""
        if train:
            features = _dropout(features, self.dropout_features, keys, 0)
        is_lstm = self.temporal == "lstm"
        summary = self.lstm_cell(features) if is_lstm else features.mean(axis=1)
        if train:
            summary = _dropout(summary, self.dropout_head, keys, 1)
        return self.head(summary)[:, 0]


def _dropout(x: jax.Array, rate: float, keys: jax.Array | None, number: int) -> jax.Array:
    """Dropout in which a clip's mask does not depend on its batch.

    Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.
    """
    if not rate:
        return x

    def keep(key: jax.Array) -> jax.Array:
        return jax.random.bernoulli(jax.random.fold_in(key, number), 1 - rate, x.shape[1:])

    return jnp.where(jax.vmap(keep)(keys), x / (1 - rate), 0)
