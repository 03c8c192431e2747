"""The reference Keras system's recipe, as far as it is known: ImageNet's ResNet-50 and LSTM(256).

    python -m fdd.main --config=configs/resnet_lstm.py --config.data.manual_dir=DIR

with FaceForensics++ in DIR; `--config=configs/resnet_lstm.py:face` uses face crops instead of full
frames. model.pretrained is the file in which Keras stores the weights; download them from
storage.googleapis.com/tensorflow/keras-applications/resnet/.

Hardware: not trained on a GPU. For a CPU, the compiler counts 24.6 GiB of temporary memory for a
step of batch 32, and 19.5 GiB with config.remat; accumulate_steps divides them further. With
bfloat16 it counts 36.4 GiB, since a CPU widens bfloat16: this says nothing about a GPU. Without a
GPU, freeze the encoder and cache its features.

Published for the reference system, on a data set and a split that are not fully described: test
accuracy 99.50 %, test loss 0.0587, confusion matrix [[93, 0], [1, 106]] of 200 videos. Its training
loss of 8.59 in the first epoch is explained by an L2 penalty of 0.01 on the LSTM's kernel.

Measured here: nothing on FaceForensics++. On real footage of 16 people (10 to train, 4 to test, 12
test videos, simple swaps), encoder frozen, 12 epochs, batch 8: AUC per video 0.59 to 0.66 over
three seeds, with face crops 0.66 to 0.75. configs/README.md has the table and the command.
"""

import ml_collections
from ml_collections import config_dict


def get_config(region: str = "full_frame") -> ml_collections.ConfigDict:
    """Returns the config; `--config.key=value` on the command line changes a key.

    Args:
        region: 'full_frame', 'face' or 'aligned_face'; on the command line, what follows the file's
            name and a colon.
    """
    config = ml_collections.ConfigDict()
    config.seed = 0
    _data(config, region)
    _computing(config)
    _model(config)
    _training(config)
    return config


def _data(config: ml_collections.ConfigDict, region: str) -> None:
    """Which clips: `fdd.runs.prepare` finds the data set, or builds it from data.manual_dir."""
    config.data = ml_collections.ConfigDict()
    config.data.data_dir = "~/tensorflow_datasets"
    config.data.manual_dir = ""
    config.data.demo = None
    config.data.builder = "faceforensics"  # Or "celeb_df", "dfdc", "folder".
    config.data.layout = "auto"  # Of the folder of videos; see tfds_builders/README.md.
    config.data.split = "0.7,0.15,0.15"  # Of a folder that has no splits: train, validation, test.
    config.data.compression = "c23"
    config.data.methods = (
        "Deepfakes",
        "Face2Face",
        "FaceSwap",
        "NeuralTextures",
        "FaceShifter",
        "DeepFakeDetection",
    )
    config.data.drop_same_source = False
    config.data.train_per_class = 1500
    config.data.held_out_per_class = 100
    config.data.splits_file = ""  # DeepfakeBench's JSON instead of FaceForensics++'s own splits.
    config.data.region = region
    config.data.margin = 1.3
    config.data.alignment = "smoothed"  # Of the region "aligned_face". Or "per_frame".
    config.data.image_size = 224
    config.data.num_frames = 10
    config.data.sampling = "consecutive"
    config.data.clips_per_video = 30
    config.data.spacing = 0.04  # Seconds between a clip's frames; 0: no times.
    config.data.jpeg_quality = 95
    config.data.fakes = "recorded"  # Or "self_blended": made of genuine clips; or "both".
    config.data.paired = False  # True: a batch holds each fake with its original.
    config.balanced = True
    config.num_workers = 0


def _computing(config: ml_collections.ConfigDict) -> None:
    """How the run is computed."""
    config.parallel = "auto"  # "jit", "pmap"; auto: pmap if there are several devices.
    config.precision = "float32"  # Or "bfloat16", of the encoder; parameters stay float32. Or
    # "float64", of everything: slow, to exclude rounding errors; needs JAX_ENABLE_X64=1.
    config.remat = False  # Less memory for more time.
    config.accumulate_steps = 1  # Less memory: each device's shard in several parts.
    config.fit = False  # True: if memory is short, use those two where results stay the same.
    config.frozen_batch_stats = False  # True: batch norms use their running statistics.


def _model(config: ml_collections.ConfigDict) -> None:
    config.model = ml_collections.ConfigDict()
    config.model.encoder = "resnet50"
    config.model.width = 64
    config.model.temporal = "lstm"  # Or "mean", which ignores the order of the frames.
    config.model.lstm_features = 256
    config.model.version = "v1"  # Or "v1.5"; see `fdd.models.resnet.ResNet`.
    config.model.pretrained = (  # See `fdd.training.pretrained.load`.
        "~/.keras/models/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    )
    config.model.mean = config_dict.placeholder(tuple)  # None: what the weights expect.
    config.model.std = config_dict.placeholder(tuple)
    config.model.dropout_features = 0.0
    config.model.dropout_head = 0.0
    config.model.unit_features = False  # True: frames' features are divided by their norm.


def _training(config: ml_collections.ConfigDict) -> None:
    config.augment = ml_collections.ConfigDict()
    config.augment.flip = False
    config.augment.brightness = 0.0
    config.augment.contrast = 0.0
    config.augment.rotation = 0.0  # Degrees.
    config.augment.shift = 0.0
    config.augment.scale = 0.0
    config.augment.blur = 0.0  # Probability, as of the next one.
    config.augment.jpeg = 0.0

    config.blend = ml_collections.ConfigDict()  # See `fdd.training.blending.Settings`.
    config.blend.constant = 1.0  # How often, relative to the two others.
    config.blend.drifting = 1.0
    config.blend.reordered = 1.0
    config.blend.drift = 1.0
    config.blend.jpeg = 0.5
    config.blend.crop = 0.08

    config.loss = "binary_cross_entropy"
    config.uniformity = 0.0  # Weights of terms that `fdd.training.spread` adds to the loss.
    config.alignment = 0.0
    config.optimizer = "adam"
    config.learning_rate = 0.001
    config.encoder_learning_rate_scale = 1.0  # Of the encoder's learning rate to that.
    config.encoder_learning_rate_decay = 1.0  # Of each of its parts' to that of what follows it.
    config.schedule = "constant"  # Or "cosine", down to the next one.
    config.final_learning_rate = 0.0
    config.warmup_steps = 0
    config.weight_decay = 0.0
    config.l2_lstm_kernel = 0.01
    config.label_smoothing = 0.0
    config.freeze = ""  # Up to "stem", "stage1", "stage2", "stage3", or the whole "encoder";
    config.freeze_epochs = 0  # for this number of epochs; 0: always.
    config.tune = "all"  # Of a vision transformer: "layer_norm", the rest of it stays as it is.
    config.ema_decay = 0.0  # Of the average of parameters that is evaluated; 0: none is kept.
    config.early_stopping = 0  # After this number of validations without a lower loss; 0: never.
    config.cache_features = False  # With a frozen encoder: compute its features once.
    config.batch_size = 32  # Over all devices.
    config.num_epochs = 50
    config.num_steps = 0  # If not 0, this number of steps instead of num_epochs.
    config.eval_every_steps = 0  # 0: once an epoch. Each evaluation saves a checkpoint,
    config.checkpoint_every_steps = 0  # and so does this number of steps, if not 0.
    config.log_every_steps = 50
    config.eval_frames = "as_is"  # Of the test split; controls: "shuffled", "repeated".
    config.video_score = "mean_logit"  # Of its clips. Or "mean_probability".
    config.familiar_share = 0.95  # Of videos like those of validation: they get an answer.
