"""ResNet-50 and LSTM(256) on FaceForensics++ c23 face crops, with the usual hyperparameters.

    tfds build tfds_builders/faceforensics --config=c23-face-consecutive4x10-224px \\
        --manual_dir=DIR --file_format=array_record
    python -m fdd.main --config=configs/resnet_lstm.py
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    """Returns the config; `--config.key=value` on the command line changes a key."""
    config = ml_collections.ConfigDict()
    config.seed = 0

    # Which clips: `fdd.data.prepare` finds the data set, or builds it from data.manual_dir.
    config.data = ml_collections.ConfigDict()
    config.data.data_dir = "~/tensorflow_datasets"
    config.data.manual_dir = ""
    config.data.demo = None
    config.data.builder = "faceforensics"  # Or "celeb_df", "dfdc", "folder".
    config.data.compression = "c23"
    config.data.methods = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
    config.data.drop_same_source = False
    config.data.train_per_class = 0
    config.data.held_out_per_class = 0
    config.data.region = "face"
    config.data.margin = 1.3
    config.data.image_size = 224
    config.data.num_frames = 10
    config.data.sampling = "consecutive"
    config.data.clips_per_video = 4
    config.data.jpeg_quality = 95
    config.balanced = True
    config.num_workers = 0

    # How it is computed.
    config.parallel = "auto"  # "jit", "pmap"; auto: pmap where there are several devices.
    config.precision = "float32"  # Or "bfloat16", of the encoder; parameters stay float32.
    config.remat = False  # Less memory for more time.
    config.accumulate_steps = 1  # Less memory: each device's share in so many parts.
    config.frozen_batch_stats = False

    config.model = ml_collections.ConfigDict()
    config.model.encoder = "resnet50"
    config.model.width = 64
    config.model.temporal = "lstm"  # Or "mean", which is blind to the order of the frames.
    config.model.lstm_features = 256
    config.model.mean = (123.675, 116.28, 103.53)
    config.model.std = (58.395, 57.12, 57.375)

    config.augment = ml_collections.ConfigDict()
    config.augment.flip = True
    config.augment.brightness = 0.0
    config.augment.contrast = 0.0

    config.loss = "binary_cross_entropy"
    config.optimizer = "adam"
    config.learning_rate = 0.001
    config.batch_size = 32  # Over all devices.
    config.num_epochs = 50
    config.num_steps = 0  # Where not 0, this many steps instead of num_epochs.
    config.eval_every_steps = 0  # 0: once an epoch. Each evaluation saves a checkpoint,
    config.checkpoint_every_steps = 0  # and so does every so many steps, if not 0.
    config.log_every_steps = 50
    config.eval_frames = "as_is"  # Of the test split; controls: "shuffled", "repeated".
    return config
