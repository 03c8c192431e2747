"""Loading parameters in place of the random ones: all of them, or none."""

import pathlib
import re
from typing import Any

import jax
import ml_collections

from fdd import models
from fdd.errors import UserError, first_line
from fdd.models.clip_classifier import ClipClassifier
from fdd.models.weights import Origin, Tensors, filling, keras, safetensors_file
from fdd.runs import trained, workdir
from fdd.system import home

PyTree = Any

_LAYOUTS = {"keras": "keras", "torch": "torch", "hub": "torch"}  # For the kinds that are files.
_HUB = "hf://"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


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
            "configs/resnet_lstm.py says where to get Keras' (and '' starts from random weights)"
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
            names of torchvision and timm, such as `fdd.export` writes (only the encoder is used);
            `hf://OWNER/NAME`, a repository on the Hugging Face hub with such a `model.safetensors`;
            the workdir of a run (its best checkpoint is used, including temporal head and head).
        model: The network.
        variables: Its {'params', 'batch_stats'}, NumPy arrays.
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
    tensors = _read(kind, name)
    of_encoder = model.encoder_variables(variables)
    filled = filling.fill(name, model.encoder, of_encoder, tensors, _LAYOUTS[kind])
    return model.with_encoder_variables(variables, filled)


def _read(kind: str, name: str) -> Tensors:
    if kind == "keras":
        return keras.read(_path(name))
    file = _download(name, "model.safetensors") if kind == "hub" else _path(name)
    return safetensors_file.read(file)


def _origin(name: str) -> Origin:
    """What weights were trained with; read before the weights."""
    kind = _kind(name)
    if kind == "keras":
        return keras.ORIGIN
    if kind == "run":
        stored = workdir.stored_config(_path(name))["model"]
        return Origin(stored["version"], tuple(stored["mean"]), tuple(stored["std"]))
    exported = safetensors_file.origin(_path(name)) if kind == "torch" else Origin()
    if kind == "none" or exported.version:
        return exported
    return _stated_beside(kind, name)


def _check_version(name: str, origin: Origin, layouts: Any, version: str) -> None:
    kind = _kind(name)
    expected = origin.version or layouts.get(_LAYOUTS.get(kind)) or version
    if version != expected:
        raise UserError(
            f"config.model.pretrained={name} holds a ResNet {expected}: "
            f"say --config.model.version={expected}"
        )


def _kind(name: str) -> str:
    if not name:
        return "none"
    if name.startswith(_HUB) and _REPOSITORY.fullmatch(name.removeprefix(_HUB)):
        return "hub"
    if name.endswith((".h5", ".hdf5")):
        return "keras"
    if name.endswith(".safetensors"):
        return "torch"
    if _path(name).is_dir():
        if not (_path(name) / "config.json").exists():
            raise UserError(f"config.model.pretrained={name} is a folder, but holds no run")
        return "run"
    raise UserError(
        f"config.model.pretrained={name} is neither a .h5 or .safetensors file, nor the folder of "
        f"a run, nor {_HUB}OWNER/NAME on the Hugging Face hub (.pth files: convert them to "
        ".safetensors)"
    )


def _path(name: str) -> pathlib.Path:
    return home.expanded(name)


def _stated_beside(kind: str, name: str) -> Origin:
    """Mean and std of a config.json written by timm, in units of 0 to 255."""
    file = _download(name, "config.json") if kind == "hub" else _path(name).parent / "config.json"
    stated = {}
    if file.exists():
        content = workdir.read_json(file)
        stated = content.get("pretrained_cfg", content)
    try:
        mean, std = (
            tuple(round(255 * value, 6) for value in stated[key]) if key in stated else None
            for key in ("mean", "std")
        )
    except TypeError:
        raise UserError(
            f"{file} states a mean or std that is not a list of numbers: set config.model.mean and "
            "config.model.std"
        ) from None
    return Origin(mean=mean, std=std)


def _download(name: str, file: str) -> pathlib.Path:
    import huggingface_hub

    try:
        return pathlib.Path(huggingface_hub.hf_hub_download(name.removeprefix(_HUB), file))
    except Exception as error:  # There are many: no network, no repository, no permission.
        raise UserError(
            f"{file} of config.model.pretrained={name} could not be fetched from the Hugging "
            f"Face hub ({first_line(error)}); a local file works too"
        ) from None


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
