"""Parameters from elsewhere in place of those that were drawn: all of them, or none."""

import pathlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import ml_collections
import numpy as np

from fdd.errors import UserError, first_line, shown
from fdd.models import torch_layout, weight_files
from fdd.runs import trained, workdir
from fdd.system import home

PyTree = Any
Path = tuple[str, ...]

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
_KERAS_MEAN, _KERAS_STD = (123.68, 116.779, 103.939), (1.0, 1.0, 1.0)


_KERAS_TENSORS = {"kernel": "kernel", "scale": "gamma", "bias": "beta"}
_KERAS_STATISTICS = {"mean": "moving_mean", "var": "moving_variance"}


def with_normalization(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """Returns the config with model.mean and model.std, where they are None, filled in.

    They become what the weights named by model.pretrained were trained with: Keras' means for
    `.h5`, a run's own for a run and for what `fdd.export` wrote of it, what a config.json beside
    the weights says, ImageNet's otherwise.

    Raises:
        UserError: model.version is not that of such weights, or the name leads nowhere.
    """
    if config.model.mean is not None and config.model.std is not None:
        return config
    config = config.copy_and_resolve_references()
    kind = _kind(config.model.pretrained)
    if kind in ("keras", "torch") and not _path(config.model.pretrained).exists():
        raise UserError(
            f"config.model.pretrained={config.model.pretrained}: there is no such file; "
            "configs/resnet_lstm.py says where to get Keras' (and '' starts from random weights)"
        )
    _check_version(config.model.pretrained, config.model.version)
    exported = (
        weight_files.exported_model(_path(config.model.pretrained)) if kind == "torch" else None
    )
    mean, std = IMAGENET_MEAN, IMAGENET_STD
    if kind == "keras":
        mean, std = _KERAS_MEAN, _KERAS_STD
    elif kind == "run":
        stored = _model_of_run(config.model.pretrained)
        mean, std = tuple(stored["mean"]), tuple(stored["std"])
    elif exported:
        mean, std = tuple(exported["mean"]), tuple(exported["std"])
    elif kind in ("torch", "hub"):
        mean, std = _stated_normalization(kind, config.model.pretrained)
    for key, value in (("mean", mean), ("std", std)):
        if config.model[key] is None:
            config.model[key] = value
    return config


def load(name: str, variables: PyTree, version: str | None = None) -> PyTree:
    """Returns variables with parameters and statistics from elsewhere in their places.

    Args:
        name: Empty for none; a Keras Applications `.h5` file; a `.safetensors` file in the naming
            of torchvision and timm, such as `fdd.export` writes (of which the encoder is taken);
            the name of a repository on the Hugging Face hub that holds such a
            `model.safetensors`; the workdir of a run, of which the best checkpoint is taken, LSTM
            and head included.
        variables: {'params', 'batch_stats'} of a `fdd.models.resnet_lstm.ResNetLSTM`, NumPy arrays.
        version: The network's, config.model.version; another's tensors may have the same shapes.
            None: not compared.

    Raises:
        UserError: there is no such file, or it does not fit; the line lists what does not.
    """
    kind = _kind(name)
    if version is not None:
        _check_version(name, version)
    if kind == "none":
        return variables
    if kind == "run":
        return _from_run(_path(name), variables)
    tensors = {
        "keras": lambda: weight_files.read_keras(_path(name)),
        "torch": lambda: weight_files.read_safetensors(_path(name)),
        "hub": lambda: weight_files.read_safetensors(_download(name, "model.safetensors")),
    }[kind]()
    half = sum(tensor.dtype.itemsize < 4 for tensor in tensors.values())
    if half:
        print(f"{name}: {half} of {len(tensors)} tensors are in half precision; taken as float32.")
    if kind == "keras":
        return _fill(name, variables, _without_biases(tensors), _keras_name)
    return _fill(name, variables, tensors, torch_layout.encoder_name)


def _check_version(name: str, version: str) -> None:
    kind = _kind(name)
    expected = {"keras": "v1", "torch": "v1.5", "hub": "v1.5"}.get(kind, version)
    if kind == "torch" and (exported := weight_files.exported_model(_path(name))):
        expected = exported["version"]
    elif kind == "run":
        expected = _model_of_run(name)["version"]
    if version != expected:
        raise UserError(
            f"config.model.pretrained={name} holds a ResNet {expected}: "
            f"say --config.model.version={expected}"
        )


def _model_of_run(name: str) -> dict[str, Any]:
    """The config.model of a run."""
    return workdir.stored_config(_path(name))["model"]


def _kind(name: str) -> str:
    if not name:
        return "none"
    if name.endswith((".h5", ".hdf5")):
        return "keras"
    if name.endswith(".safetensors"):
        return "torch"
    if _path(name).is_dir():
        if not (_path(name) / "config.json").exists():
            raise UserError(f"config.model.pretrained={name} is a folder, but holds no run")
        return "run"
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not _path(name).suffix.startswith(".pt"):
        return "hub"
    raise UserError(
        f"config.model.pretrained={name} is neither a .h5 or .safetensors file, nor the folder of "
        "a run, nor OWNER/NAME on the Hugging Face hub (.pth files: convert them to .safetensors)"
    )


def _path(name: str) -> pathlib.Path:
    return home.expanded(name)


def _stated_normalization(kind: str, name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What a config.json as timm writes it says, in units of 0 to 255."""
    file = _download(name, "config.json") if kind == "hub" else _path(name).parent / "config.json"
    stated = {}
    if file.exists():
        content = workdir.read_json(file)
        stated = content.get("pretrained_cfg", content)
    try:
        scaled = [
            tuple(round(255 * value, 6) for value in stated[key]) if key in stated else usual
            for key, usual in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD))
        ]
    except TypeError:
        raise UserError(
            f"{file} states a mean or std that is no list of numbers: set config.model.mean and "
            "config.model.std"
        ) from None
    return scaled[0], scaled[1]


def _download(repository: str, file: str) -> pathlib.Path:
    import huggingface_hub

    try:
        return pathlib.Path(huggingface_hub.hf_hub_download(repository, file))
    except Exception as error:  # Of many kinds: no network, no repository, no permission.
        raise UserError(
            f"{file} of config.model.pretrained={repository} could not be fetched from the Hugging "
            f"Face hub ({first_line(error)}); a file that you have works too"
        ) from None


def _without_biases(tensors: weight_files.Tensors) -> weight_files.Tensors:
    """Keras' convolutions have biases: each goes into the mean that is subtracted after it."""
    kept = dict(tensors)
    for name, bias in tensors.items():
        mean = name.replace("_conv/bias", "_bn/moving_mean")
        if mean != name and getattr(kept.get(mean), "shape", None) == bias.shape:
            kept[mean] = np.float32(kept[mean]) - kept.pop(name)
    return kept


def _keras_name(path: Path) -> str:
    """('layer1_0', 'downsample_bn', 'mean') to 'conv2_block1_0_bn/moving_mean'."""
    *layers, tensor = path
    kind = "bn" if "bn" in layers[-1] else "conv"
    number = re.search(r"\d$", layers[-1])
    if len(layers) == 1:
        layer = f"conv1_{kind}"
    else:
        stage, block = re.fullmatch(r"layer(\d)_(\d+)", layers[0]).groups()
        layer = f"conv{int(stage) + 1}_block{int(block) + 1}_{number[0] if number else 0}_{kind}"
    return f"{layer}/{(_KERAS_TENSORS | _KERAS_STATISTICS)[tensor]}"


def _fill(
    name: str,
    variables: PyTree,
    tensors: Mapping[str, np.ndarray],
    translate: Callable[[Path], str],
) -> PyTree:
    """Puts each tensor in the encoder's place that it belongs to."""
    wanted = {translate(path): (group, path) for group, path in _encoder_paths(variables)}
    problems = [f"{key} is missing" for key in wanted if key not in tensors]
    problems += [f"{shown(key)} has no place" for key in tensors if key not in wanted]
    filled = jax.tree.map(np.array, variables)
    for key, (group, path) in wanted.items():
        if key not in tensors:
            continue
        place = _at(filled[group]["frame_features"]["encoder"], path[:-1])
        try:
            tensor = _to_rgb_last(tensors[key], key, path).astype(np.float32)
        except (ValueError, TypeError, AttributeError):
            problems.append(f"{key} is no array of numbers")
            continue
        if not np.isfinite(tensor).all():
            problems.append(f"{key} holds values that are not finite")
        elif tensor.shape != place[path[-1]].shape:
            problems.append(f"{key} is {tensor.shape}, not {place[path[-1]].shape}")
        else:
            place[path[-1]] = tensor
    _refuse(name, problems)
    return filled


def _to_rgb_last(tensor: np.ndarray, key: str, path: Path) -> np.ndarray:
    """A kernel as [height, width, in, out], the first one for RGB."""
    if path[-1] != "kernel" or tensor.ndim != 4:
        return tensor
    if "/" in key:  # Keras' layout; its weights expect BGR.
        return tensor[:, :, ::-1] if path == ("conv1", "kernel") else tensor
    return tensor.transpose(2, 3, 1, 0)


def _encoder_paths(variables: PyTree) -> Iterator[tuple[str, Path]]:
    for group in ("params", "batch_stats"):
        encoder = variables[group]["frame_features"]["encoder"]
        for path, _ in jax.tree.leaves_with_path(encoder):
            yield group, tuple(key.key for key in path)


def _at(tree: PyTree, path: Path) -> PyTree:
    for key in path:
        tree = tree[key]
    return tree


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
    _refuse(str(folder), problems)
    return found


def _refuse(name: str, problems: list[str]) -> None:
    if problems:
        some = "; ".join(problems[:5]) + (
            f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        )
        raise UserError(
            f"config.model.pretrained={name} does not fit config.model, and nothing was loaded: "
            f"{some}"
        )
