"""Loading parameters in place of the random ones: all of them, or none."""

import pathlib
from typing import Any

import jax
import ml_collections

from fdd import models
from fdd.errors import UserError, shown
from fdd.models.clip_classifier import ClipClassifier
from fdd.models.encoder import Encoder
from fdd.models.weights import (
    Origin,
    Tensors,
    check_normalization,
    filling,
    hub,
    keras,
    repository,
    safetensors_file,
)
from fdd.runs import trained, workdir
from fdd.system import home

PyTree = Any

_LAYOUTS = {  # For the kinds that are files.
    "keras": "keras",
    "torch": "torch",
    "folder": "torch",
    "hub": "torch",
}


def with_normalization(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """Returns the config with model.mean and model.std filled in if they are None.

    They become the values that the weights of model.pretrained were trained with: Keras' means for
    `.h5`; a run's own for a run, and for a file that `fdd.export` wrote from it; those of a
    config.json beside the weights; otherwise the encoder's own.

    Raises:
        UserError: model.version is not that of the weights, or the weights are not found.
    """
    if config.model.mean is not None and config.model.std is not None:
        return config
    config = config.copy_and_resolve_references()
    name = config.model.pretrained
    if _kind(name) in ("keras", "torch") and not _path(name).exists():
        raise UserError(
            f"config.model.pretrained={name}: there is no such file; "
            "the recipe of --config=resnet_lstm says where to get Keras' (and '' starts from "
            "random weights)"
        )
    encoder, origin = models.create_encoder(config), _origin(name)
    _check_version(name, origin, encoder.layouts, config.model.version)
    for key, stated in (("mean", origin.mean), ("std", origin.std)):
        if config.model[key] is None:
            config.model[key] = stated or getattr(encoder, key)
    return config


def load(name: str, model: ClipClassifier, variables: PyTree, version: str | None = None) -> PyTree:
    """Returns the variables with pretrained parameters and statistics in their places.

    Args:
        name: One of: '' for none; a Keras Applications `.h5` file; a `.safetensors` file with the
            names of torchvision, timm or (vision transformers) transformers, such as `fdd.export`
            writes (only the encoder is used); a folder, or `hf://OWNER/NAME`, a repository on the
            Hugging Face hub, with such a `model.safetensors`, or with parts of one and their index;
            the workdir of a run (its best checkpoint is used, including temporal head and head).
        model: The network.
        variables: Its {'params', 'batch_stats'}, arrays or their shapes; what is not loaded stays.
        version: The network's, config.model.version; tensors of another version may have the same
            shapes. None: not compared.

    Raises:
        UserError: there is no such file, or it does not fit; the message lists what does not.
    """
    kind = _kind(name)
    if version is not None:
        _check_version(name, _origin(name), model.encoder.layouts, version)
    if kind == "none":
        return variables
    if kind == "run":
        return _from_run(_path(name), variables)
    _check_stated(kind, name, model.encoder)
    tensors = _read(kind, name)
    of_encoder = model.encoder_variables(variables)
    filled = filling.fill(name, model.encoder, of_encoder, tensors, _LAYOUTS[kind])
    return model.with_encoder_variables(variables, filled)


def _read(kind: str, name: str) -> Tensors:
    if kind == "keras":
        return keras.read(_path(name))
    files = [_path(name)] if kind == "torch" else repository.tensor_files(_repository(kind, name))
    return safetensors_file.read_all(files)


def _origin(name: str) -> Origin:
    """What weights were trained with; read before the weights."""
    kind = _kind(name)
    if kind == "keras":
        return keras.ORIGIN
    if kind == "run":
        stored = workdir.stored_config(_path(name))["model"]
        return Origin(
            version=stored["version"], mean=tuple(stored["mean"]), std=tuple(stored["std"])
        )
    exported = _exported(kind, name)
    if kind == "none" or exported.version:
        return exported
    return _stated_beside(kind, name)


def _exported(kind: str, name: str) -> Origin:
    """What `fdd.export` wrote into a local file; nothing is known of other files."""
    if kind not in ("torch", "folder"):
        return Origin()
    files = repository.tensor_files(_path(name)) if kind == "folder" else [_path(name)]
    return safetensors_file.origin(files[0])


def _check_version(name: str, origin: Origin, layouts: Any, version: str) -> None:
    kind = _kind(name)
    expected = origin.version or layouts.get(_LAYOUTS.get(kind)) or version
    if version != expected:
        raise UserError(
            f"config.model.pretrained={name} holds a ResNet {expected}: "
            f"say --config.model.version={expected}"
        )


def _check_stated(kind: str, name: str, encoder: Encoder) -> None:
    """Checks that what config.json beside weights says is what an encoder does.

    What it does not say has the default of transformers, which is the encoder's. A line says if
    there is no config.json.

    Raises:
        UserError: it is not, or config.json is damaged.
    """
    if kind == "keras" or not encoder.stated:
        return
    content = repository.stated(_repository(kind, name))
    if not content and not _exported(kind, name).version:
        assumed = ", ".join(f"{key}={ours}" for key, ours in encoder.stated.items())
        print(f"{name}: no config.json beside it says what the network is; assumed: {assumed}.")
    content = content.get("vision_config", content)
    if not isinstance(content, dict):
        raise UserError(
            f"config.json beside config.model.pretrained={name} is damaged: its vision_config is "
            "no object"
        )
    for key, ours in encoder.stated.items():
        if content.get(key, ours) != ours:
            raise UserError(
                f"config.model.pretrained={name} is of another network: its config.json says that "
                f"{key} is {shown(str(content[key]))}, and config.model.encoder has {ours}"
            )


def _repository(kind: str, name: str) -> str | pathlib.Path:
    """Where what lies beside a file with weights is to be found."""
    if kind == "hub":
        return name
    return _path(name) if kind == "folder" else _path(name).parent


def _kind(name: str) -> str:
    if not name:
        return "none"
    if hub.NAME.fullmatch(name):
        return "hub"
    if name.endswith((".h5", ".hdf5")):
        return "keras"
    if name.endswith(".safetensors"):
        return "torch"
    if _path(name).is_dir():
        if repository.is_one(_path(name)):
            return "folder"
        if not (_path(name) / "config.json").exists():
            raise UserError(
                f"config.model.pretrained={name} is a folder, but holds no run, nor weights"
            )
        return "run"
    raise UserError(
        f"config.model.pretrained={name} is neither a .h5 or .safetensors file, nor a folder with "
        f"such or of a run, nor {hub.HUB}OWNER/NAME on the Hugging Face hub (.pth files: "
        "convert them to .safetensors)"
    )


def _path(name: str) -> pathlib.Path:
    return home.expanded(name)


def _stated_beside(kind: str, name: str) -> Origin:
    """Mean and std of a config.json written by timm, in units of 0 to 255; none if it has neither.

    Raises:
        UserError: it states only one of them, or one is not three numbers.
    """
    content = repository.stated(_repository(kind, name))
    try:
        stated = dict(content.get("pretrained_cfg", content))
        if stated.keys().isdisjoint(("mean", "std")):
            return Origin()
        mean, std = (tuple(round(255 * value, 6) for value in stated[k]) for k in ("mean", "std"))
        check_normalization(mean, std)
    except (TypeError, ValueError, KeyError, OverflowError):
        raise UserError(
            f"config.json beside config.model.pretrained={name} does not state a mean and a std of "
            "three numbers each: set config.model.mean and config.model.std"
        ) from None
    return Origin(mean=mean, std=std)


def _from_run(folder: pathlib.Path, variables: PyTree) -> PyTree:
    with trained.opened(folder) as checkpoints:
        place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        config = workdir.stored_config(folder)
        found = jax.device_get(trained.restore(checkpoints, folder, config, place).variables)
    old, new = (
        {
            jax.tree_util.keystr(path, simple=True, separator="/"): leaf.shape
            for path, leaf in jax.tree.leaves_with_path(tree)
        }
        for tree in (found, variables)
    )
    problems = [f"{key} is missing" for key in new if key not in old]
    problems += [f"{key} has no place" for key in old if key not in new]
    problems += [
        f"{key} is {old[key]}, not {new[key]}" for key in new if old.get(key, new[key]) != new[key]
    ]
    filling.refuse(str(folder), problems)
    return found
