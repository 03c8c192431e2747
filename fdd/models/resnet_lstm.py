"""The detector: a ResNet on every frame, an LSTM over the frames, one logit per clip."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from fdd.models.resnet import ResNet

TEMPORAL = ("lstm", "mean")
FRAMES_AXIS = "frames"  # Batch statistics are taken over it and the batch.


class FrameFeatures(nn.Module):
    """An encoder and global average pooling, for one frame of each clip."""

    make_encoder: Callable[..., ResNet]
    data_axis: str | None = None

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Maps images [b, h, w, 3] to features [b, c]."""
        axes = (FRAMES_AXIS, self.data_axis) if self.data_axis else FRAMES_AXIS
        encoder = self.make_encoder(axis_name=axes, name="encoder")
        feature_map = encoder(images, train=train)  # [b, h / 32, w / 32, c]
        return feature_map.astype(jnp.float32).mean(axis=(1, 2))


class ResNetLSTM(nn.Module):
    """A clip's logit: above 0 for fake.

    Attributes:
        make_encoder: One of `fdd.models.resnet.ENCODERS`.
        lstm_features: Size of the LSTM's state.
        temporal: 'lstm'; or 'mean', the mean of the frames' features, which is blind to their
            order: a control that shows what time adds.
        data_axis: Name of the mapped axis that holds the rest of the batch, if there is one; batch
            statistics are over all of it.

    References:
        Hochreiter and Schmidhuber, Long Short-Term Memory, 1997. Frame-wise convolutional
        features and an LSTM for face forgeries: Güera and Delp, Deepfake Video Detection Using
        Recurrent Neural Networks, AVSS 2018.
    """

    make_encoder: Callable[..., ResNet]
    lstm_features: int = 256
    temporal: str = "lstm"
    data_axis: str | None = None

    @nn.compact
    def __call__(self, clips: jax.Array, *, train: bool) -> jax.Array:
        """Maps clips, float [b, t, h, w, 3], to logits, float32 [b]."""
        over_frames = nn.vmap(
            FrameFeatures,
            in_axes=(0, None),
            variable_axes={"params": None, "batch_stats": None},
            split_rngs={"params": False},
            axis_name=FRAMES_AXIS,
        )
        frames = jnp.swapaxes(clips, 0, 1)  # [t, b, h, w, 3]: a leading mapped axis is fastest.
        features = over_frames(self.make_encoder, self.data_axis, name="frame_features")(
            frames, train
        )  # [t, b, c]
        if self.temporal == "lstm":
            cell = nn.OptimizedLSTMCell(self.lstm_features, name="lstm_cell")
            summary = nn.RNN(cell, time_major=True, name="lstm")(features)[-1]  # [b, lstm_features]
        else:
            summary = features.mean(axis=0)  # [b, c]
        return nn.Dense(1, name="head")(summary)[:, 0]
