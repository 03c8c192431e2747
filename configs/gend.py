"""GenD's recipe: a pretrained vision transformer of which little is tuned, on single aligned faces.

    python -m fdd.main --config=configs/gend.py --config.data.manual_dir=DIR

with FaceForensics++ in DIR and CLIP's weights from the Hugging Face hub (1.7 GB, with the part for
text, which is left). Published weights of this recipe need no training: `--detector=` of predict,
web, evaluate and export (fdd/inference/README.md).

As published (Yermakov et al., Deepfake Detection that Generalizes Across Benchmarks, WACV 2026,
arXiv 2508.06248): of each video 32 frames, each a clip of its own, with the face on their template;
CLIP ViT-L/14, of which only layer norms learn; features divided by their norm; cross-entropy +
0.5 × uniformity + 0.1 × alignment; each fake with its original in one batch; Adam with 3e-4 and a
cosine to 1e-6; batches of 128; frames are mirrored, turned by up to 10°, shifted and scaled by up
to a tenth, blurred (one in ten), changed in brightness and contrast by up to a tenth, and coded as
JPEG with a quality of 40 to 100; a video's score is the mean probability of its frames.

Not as published: how strong a blur is, and how often frames are coded as JPEG, were chosen by us;
the checkpoint is chosen by validation loss instead of average precision; landmarks are YuNet's
instead of RetinaFace's.

Neither this training nor the published weights were run by us.
"""

import ml_collections

from fdd.configs import resnet_lstm


def get_config() -> ml_collections.ConfigDict:
    """Returns `configs/resnet_lstm.py`'s config with these changes."""
    config = resnet_lstm.get_config("aligned_face")
    config.data.methods = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
    config.data.paired = True
    config.data.train_per_class = 0
    config.data.held_out_per_class = 0
    config.data.alignment = "per_frame"
    config.data.num_frames = 1
    config.data.sampling = "uniform"
    config.data.clips_per_video = 32
    config.data.jpeg_quality = 100
    config.model.encoder = "clip_vit_l14"
    config.model.temporal = "mean"
    config.model.pretrained = "hf://openai/clip-vit-large-patch14"
    config.model.unit_features = True
    config.tune = "layer_norm"
    config.video_score = "mean_probability"
    config.augment.flip = True
    config.augment.brightness = 0.1
    config.augment.contrast = 0.1
    config.augment.rotation = 10.0
    config.augment.shift = 0.1
    config.augment.scale = 0.1
    config.augment.blur = 0.1
    config.augment.jpeg = 0.5
    config.l2_lstm_kernel = 0.0
    config.uniformity = 0.5
    config.alignment = 0.1
    config.learning_rate = 3e-4
    config.schedule = "cosine"
    config.final_learning_rate = 1e-6
    config.precision = "bfloat16"
    config.fit = True
    config.batch_size = 128
    config.num_epochs = 30
    return config
