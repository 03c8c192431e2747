"""The same network and step in Keras 3 on TensorFlow, frames folded into the batch.

Folding is faster than `TimeDistributed`. Graphs run without XLA (`jit_compile=False`).
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

from tests.benchmarks.alternatives import random_batch, serve, work

_MEAN = (103.939, 116.779, 123.68)


def main() -> None:
    """Serves steps."""
    todo = work()
    if todo["precision"] == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    size, num_frames = todo["image_size"], todo["num_frames"]
    encoder = keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(size, size, 3), pooling="avg"
    )
    clips_in = keras.Input((num_frames, size, size, 3), dtype="uint8")
    frames = keras.ops.reshape(keras.ops.cast(clips_in, "float32"), (-1, size, size, 3))
    features = encoder(frames - keras.ops.convert_to_tensor(_MEAN))
    states = keras.layers.LSTM(256)(keras.ops.reshape(features, (-1, num_frames, 2048)))
    model = keras.Model(clips_in, keras.layers.Dense(1, dtype="float32")(states))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    clips, labels = random_batch(**todo)
    labels = labels[:, None]
    train = lambda: float(model.train_on_batch(clips, labels))  # noqa: E731
    forward = lambda: model.predict_on_batch(clips)  # noqa: E731
    gpus = tf.config.list_physical_devices("GPU")
    name = f"{gpus[0].name if gpus else 'cpu'}, keras {keras.__version__}, tf {tf.__version__}"
    serve(train if todo["kind"] == "train" else forward, name, lambda: None)


if __name__ == "__main__":
    main()
