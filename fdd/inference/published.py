"""Detectors that others published: GenD, in a folder or on the Hugging Face hub.

Yermakov et al., Deepfake Detection that Generalizes Across Benchmarks, WACV 2026, arXiv 2508.06248;
MIT licence. The layout is that of `src/hf/modeling_gend.py` in github.com/yermandy/GenD:

    config.json        'backbone' ("openai/clip-vit-large-patch14") and 'head' ("linear", or
                       "LinearNorm": it divides features by their norm)
    model.safetensors  'feature_extractor.vision_model.…' (CLIP), or of DINOv3
                       'feature_extractor.backbone.…': the rest is named as in transformers;
                       'model.linear.weight' [2, c] and 'model.linear.bias' [2]; class 1 is fake

The detector's protocol is the authors': 32 frames of a video, each with its face on their template
(`fdd.video.alignment`), and the mean of the frames' probabilities. Three things differ. Frames are
those in the middle of 32 equal parts of a video, where theirs are spread from its middle outwards.
Landmarks are YuNet's, where theirs are RetinaFace's. And a crop is coded as JPEG of quality 100
before the network sees it.

We had no access to the hub: neither the real weights nor the published figures were run.
`python -m tests.published.run` does.
"""

import dataclasses
import functools
import json
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import jax
import ml_collections
import numpy as np

from fdd import models
from fdd.configs import gend
from fdd.devices.parallel import Parallel
from fdd.errors import UserError, shown
from fdd.evaluation.calibration import Calibration
from fdd.evaluation.conformal import Validated
from fdd.evaluation.familiarity import Familiarity
from fdd.inference import provenance, stored_calibration
from fdd.inference.source import Weights
from fdd.models.clip_classifier import ClipClassifier
from fdd.models.vit import ClipVit, VisionTransformer
from fdd.models.weights import Tensors, filling, hub, repository, safetensors_file
from fdd.runs.workdir import EVALUATIONS_DIR
from fdd.system import home
from fdd.training.task import Task
from fdd.video.preprocessing import Preprocessing

PyTree = Any

BACKBONES = {
    "openai/clip-vit-large-patch14": "clip_vit_l14",
    "openai/clip-vit-base-patch16": "clip_vit_b16",
    "facebook/dinov3-vitl16-pretrain-lvd1689m": "dinov3_vit_l16",
}
"""Encoders by the names that config.json uses; fdd's own names of vision transformers work too."""
HEADS = {"linear": False, "LinearNorm": True}
"""Whether a head divides features by their norm."""

_FRAMES_AT_A_TIME = 32
_SIZE = 224  # Pixels, of encoders whose positions are for any size.
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_ENCODER, _HEAD = "feature_extractor.", "model.linear."


def find(name: str) -> "Published | None":
    """The published detector of a name or a folder; None: the folder holds none.

    Raises:
        UserError: the name cannot be one on the hub.
    """
    if hub.NAME.fullmatch(name):
        return Published(name)
    if name.startswith("hf:"):
        raise UserError(f"{name} is no name on the Hugging Face hub: write {hub.HUB}OWNER/NAME")
    folder = home.expanded(name)
    if repository.is_one(folder):
        return Published(folder)
    try:
        is_published = "backbone" in json.loads((folder / _CONFIG).read_text("utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        is_published = False
    return Published(folder) if is_published else None


@dataclasses.dataclass(frozen=True)
class Published:
    """A published detector; a `fdd.inference.source.Source`.

    Attributes:
        place: hf://OWNER/NAME, or a folder.
    """

    place: str | pathlib.Path

    @property
    def name(self) -> str:
        """Its name on the hub, or its folder's."""
        return self.place if isinstance(self.place, str) else self.place.absolute().name

    @property
    def reports(self) -> pathlib.Path:
        """A folder in its own, or in runs/ if it is from the hub."""
        if isinstance(self.place, pathlib.Path):
            return self.place / EVALUATIONS_DIR
        return pathlib.Path("runs", self.place.rpartition("/")[2], EVALUATIONS_DIR)

    @functools.cached_property
    def config(self) -> ml_collections.ConfigDict:
        """What config.json says, with the authors' protocol.

        Raises:
            UserError: it cannot be fetched, is damaged, or names what fdd does not have.
        """
        stated = repository.stated(self.place)
        if not stated:
            raise UserError(f"{self._shown} holds no {_CONFIG}, which names backbone and head")
        config = gend.get_config()
        config.model.encoder = self._known(stated, "backbone", BACKBONES)
        config.model.unit_features = self._known(stated, "head", HEADS)
        config.model.pretrained = ""
        config.precision = "float32"
        config.batch_size = _FRAMES_AT_A_TIME
        encoder = models.create_encoder(config)
        if not isinstance(encoder, VisionTransformer):
            raise UserError(
                f"{self._shown} has the backbone {config.model.encoder}, which is no "
                "vision transformer"
            )
        config.data.image_size = encoder.grid * encoder.patch_size or _SIZE
        config.model.mean, config.model.std = encoder.mean, encoder.std
        return config

    def weights(self, task: Task, devices: Parallel) -> Weights:
        """See `Source`; the arrays that need no change are those of the file, not copies.

        The first time, it says what is fetched from the hub.
        """
        if isinstance(self.place, str) and not repository.is_here(self.place):
            print(provenance.first_use(self.place, _WEIGHTS), file=sys.stderr)
        files = repository.tensor_files(self.place)
        variables = variables_of(str(self.place), task.model, _shapes(task), _tensors(files))
        leaves, structure = jax.tree.flatten(variables)
        del variables
        for number, leaf in enumerate(leaves):  # What is copied need not be mapped any longer.
            leaves[number] = jax.device_put(leaf, devices.replicated)
        fingerprint = Preprocessing.of(self.config.data).fingerprint()
        familiarity, validated = stored_calibration.read_known(self.place, files, fingerprint)
        return Weights(
            variables=jax.tree.unflatten(structure, leaves),
            calibration=stored_calibration.read(self.place, files, fingerprint),
            step=None,
            fingerprint=fingerprint,
            familiarity=familiarity,
            validated=validated,
        )

    def calibrate(self, calibration: Calibration, facts: Mapping[str, Any]) -> pathlib.Path:
        """Stores a calibration for the next time; returns its file.

        Args:
            calibration: The calibration.
            facts: What it was fitted on, JSON-compatible.

        Raises:
            UserError: it cannot be written.
        """
        files = repository.tensor_files(self.place)
        fingerprint = Preprocessing.of(self.config.data).fingerprint()
        return stored_calibration.write(self.place, files, fingerprint, calibration, facts)

    def remember(self, familiarity: Familiarity, validated: Validated) -> None:
        """Stores what videos like those of training are like, and what those of validation got, for
        the next time.

        Raises:
            UserError: it cannot be written.
        """
        files = repository.tensor_files(self.place)
        fingerprint = Preprocessing.of(self.config.data).fingerprint()
        known = (familiarity, validated)
        stored_calibration.write_known(self.place, files, fingerprint, *known)

    @property
    def _shown(self) -> str:
        return shown(os.fspath(self.place))

    def _known(self, stated: Mapping[str, Any], key: str, known: Mapping[str, Any]) -> Any:
        value = stated.get(key)
        if isinstance(value, str) and value in known:
            return known[value]
        if key == "backbone" and isinstance(value, str) and value in models.ENCODERS:
            return value
        raise UserError(
            f"{self._shown} is no detector that fdd can run: its {_CONFIG} says {key} "
            f"{shown(str(value))}, and known are {', '.join(known)}"
        )


def variables_of(
    name: str, model: ClipClassifier, shapes: PyTree, tensors: Tensors
) -> dict[str, PyTree]:
    """The detector's {'params', 'batch_stats'} from tensors in the published layout.

    Args:
        name: For messages.
        model: The detector's network, with the mean over frames.
        shapes: Of its variables.
        tensors: By their names in the file.

    Raises:
        UserError: they do not fit; the message lists which.
    """
    encoder = model.encoder
    prefix = _ENCODER if isinstance(encoder, ClipVit) else f"{_ENCODER}backbone."
    of_encoder = {
        key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)
    }
    head = {f"{_HEAD}weight": (2, encoder.features), f"{_HEAD}bias": (2,)}
    problems = [f"{key} is missing" for key in head if key not in tensors]
    problems += [
        f"{key} is {tensors[key].shape}, not {shape}"
        for key, shape in head.items()
        if key in tensors and tensors[key].shape != shape
    ]
    problems += [
        f"{shown(key)} has no place"
        for key in tensors
        if key not in head and not key.startswith(prefix)
    ]
    filling.refuse(name, problems)
    filled = filling.fill(name, encoder, model.encoder_variables(shapes), of_encoder, "torch")
    variables = model.with_encoder_variables(shapes, filled)
    weight, bias = (np.asarray(tensors[key], np.float32) for key in head)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        filling.refuse(name, [f"{_HEAD}… holds values that are not finite"])
    # Softmax of two logits is the sigmoid of their difference.
    linear = {"kernel": (weight[1] - weight[0])[:, None], "bias": bias[1:] - bias[:1]}
    return {**variables, "params": {**variables["params"], "head": linear}}


def _shapes(task: Task) -> PyTree:
    return jax.eval_shape(task.variables, jax.random.key(0))


def _tensors(files: list[pathlib.Path]) -> Tensors:
    return safetensors_file.read_all(files)
