import functools
import json
import pathlib

import h5py
import jax
import jax.numpy as jnp
import matplotlib.image
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from fdd.configs import resnet_lstm
from fdd.errors import UserError
from fdd.inference.detector import Detector
from fdd.models import ENCODERS
from fdd.models.clip_classifier import ClipClassifier
from fdd.models.encoder import IMAGENET_MEAN, IMAGENET_STD
from fdd.models.lstm import LSTM
from fdd.models.resnet import BasicBlock, BottleneckBlock, ResNet
from fdd.training import pretrained
from tests.rounding import likely

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
SMALL = {
    "basic": functools.partial(ResNet, (2, 1), BasicBlock, width=8),
    "bottleneck": functools.partial(ResNet, (2, 1), BottleneckBlock, width=8),
}


def _model(encoder):
    return ClipClassifier(encoder, functools.partial(LSTM, 4))


def _load(name, encoder, size=48, version=None):
    return pretrained.load(str(name), _model(encoder), _variables(encoder, size), version)


def _variables(encoder, size=48):
    """Random variables, so that any that are not replaced by loading are noticed."""
    model = _model(encoder)
    init = functools.partial(model.init, train=False)
    shapes = jax.eval_shape(init, jax.random.key(0), jnp.zeros((1, 2, size, size, 3)))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: rng.random(leaf.shape, np.float32), shapes)


def _encoder(variables):
    return {kind: variables[kind]["frame_features"]["encoder"] for kind in variables}


def _golden(name):
    with np.load(FIXTURES / f"torch_{name}.npz") as stored:
        arrays = dict(stored)
    tensors = {k.removeprefix("tensor/"): v for k, v in arrays.items() if k.startswith("tensor/")}
    return arrays["images"], arrays["features"], tensors


def _saved(tmp_path, tensors, name="weights.safetensors"):
    contiguous = {key: np.ascontiguousarray(tensor) for key, tensor in tensors.items()}
    safetensors.numpy.save_file(contiguous, tmp_path / name)
    return str(tmp_path / name)


def _assert_near(ours, features, rounding=None):
    """Both are float32 of nine convolutions in series, the longest sum over 3 × 3 × 64 products."""
    rounding = likely(3 * 3 * 64, depth=9) if rounding is None else rounding
    assert np.abs(ours - features).max() <= rounding * np.abs(features).max()


@pytest.mark.parametrize("name", SMALL)
def test_pytorch_computes_the_same_with_the_same_tensors(tmp_path, name):
    images, features, tensors = _golden(name)
    loaded = _load(_saved(tmp_path, tensors), SMALL[name])
    _assert_near(SMALL[name]().apply(_encoder(loaded), images, train=False), features)


def test_keras_resnet50_computes_what_keras_computes(shared):
    expected = json.loads((shared / "weights/resnet50_imagenet_expected.json").read_text())
    file = shared / "weights/resnet50_imagenet_keras.h5"
    encoder = functools.partial(ENCODERS["resnet50"], version="v1")
    config = resnet_lstm.get_config()
    config.model.pretrained = str(file)
    config = pretrained.with_normalization(config)
    loaded = _load(file, encoder, 64)
    with h5py.File(file) as root:
        top = root["predictions/predictions"]
        kernel, bias = (np.float32(top[f"{name}:0"][()]) for name in ("kernel", "bias"))
    for name, values in expected.items():
        image = matplotlib.image.imread(shared / f"weights/{name}_224.png")[..., :3] * 255
        normalized = (image - np.array(config.model.mean)) / np.array(config.model.std)
        maps = encoder().apply(_encoder(loaded), normalized[None].astype(np.float32), train=False)
        pooled = np.asarray(maps.mean((1, 2)))[0]
        _compare_with_keras(pooled, pooled @ kernel + bias, values)


def test_keras_files_without_top_and_of_whole_models(shared, tmp_path):
    file = shared / "weights/resnet50_imagenet_keras.h5"
    with h5py.File(file) as root, h5py.File(tmp_path / "whole.h5", "w") as whole:
        inner = whole.create_group("model_weights")
        for layer in root:
            if layer != "predictions":
                root.copy(layer, inner)
    encoder = functools.partial(ENCODERS["resnet50"], version="v1")
    one, two = (_load(f, encoder, 64) for f in (file, tmp_path / "whole.h5"))
    jax.tree.map(np.testing.assert_array_equal, one, two)
    with pytest.raises(UserError, match=r"holds a ResNet v1: say --config.model.version=v1$"):
        _load(file, ENCODERS["resnet50"], 64, "v1.5")


def test_a_bias_goes_into_the_mean_that_is_subtracted_after_it(shared, tmp_path):
    with h5py.File(shared / "weights/resnet50_imagenet_keras.h5") as root:
        biases, means = (
            np.float32(root[name][()])
            for name in ("conv1_conv/conv1_conv/bias:0", "conv1_bn/conv1_bn/moving_mean:0")
        )
    file = shared / "weights/resnet50_imagenet_keras.h5"
    network = functools.partial(ENCODERS["resnet50"], version="v1")
    loaded = _load(file, network, 64, "v1")
    found = loaded["batch_stats"]["frame_features"]["encoder"]["bn1"]["mean"]
    assert np.abs(biases).max() > 0
    np.testing.assert_array_equal(found, means - biases)


def _compare_with_keras(pooled, logits, values):
    probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    best = np.argsort(-probabilities)[:5]
    assert best.tolist() == list(values["top5"])
    # Fifty convolutions in series, the longest sum over 3 × 3 × 512 products: 1.2e-3.
    near = likely(3 * 3 * 512, depth=50)
    np.testing.assert_allclose(probabilities[best], values["top5_prob"], rtol=2 * near)
    np.testing.assert_allclose(pooled.mean(), values["avg_pool_mean"], rtol=near)
    np.testing.assert_allclose(pooled.std(), values["avg_pool_std"], rtol=near)
    first = values["avg_pool_first8"]
    np.testing.assert_allclose(pooled[:8], first, rtol=0, atol=near * np.abs(pooled).max())


def test_normalization_comes_with_the_weights(tmp_path, finished):
    def resolved(name, version="v1.5"):
        config = resnet_lstm.get_config()
        config.model.pretrained, config.model.version = name, version
        config = pretrained.with_normalization(config)
        return tuple(config.model.mean), tuple(config.model.std)

    imagenet = (IMAGENET_MEAN, IMAGENET_STD)
    _, _, tensors = _golden("basic")
    file = _saved(tmp_path, tensors)
    assert resolved("") == imagenet
    assert resolved(file) == imagenet
    stated = {"pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.4, 0.3]}}
    (tmp_path / "config.json").write_text(json.dumps(stated))
    assert resolved(file) == ((127.5,) * 3, (127.5, 102.0, 76.5))
    (tmp_path / "keras.h5").touch()
    assert resolved(str(tmp_path / "keras.h5"), "v1")[0] == (123.68, 116.779, 103.939)
    assert resolved(str(finished)) == imagenet
    with pytest.raises(UserError, match=r"ResNet v1: say --config.model.version=v1"):
        resolved(str(tmp_path / "keras.h5"))
    with pytest.raises(UserError, match="there is no such file"):
        resolved("nothing.safetensors")


@pytest.mark.parametrize(
    "stated",
    [
        {"mean": [0.5, 0.5, 0.5]},  # The other one must not be the encoder's own.
        {"mean": [0.5], "std": [0.5]},  # Of a network for grey pictures.
        {"mean": [], "std": []},
        {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.0, 0.5]},
        {"mean": "abc", "std": [0.5, 0.5, 0.5]},
        {"pretrained_cfg": [1]},
        {"pretrained_cfg": None},
    ],
)
def test_a_stated_normalization_is_used_as_a_whole_or_refused(tmp_path, stated):
    config = resnet_lstm.get_config()
    config.model.pretrained = _saved(tmp_path, _golden("basic")[2])
    (tmp_path / "config.json").write_text(json.dumps(stated))
    with pytest.raises(UserError, match=r"does not state a mean and a std of three numbers each"):
        pretrained.with_normalization(config)
    config.model.mean, config.model.std = (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)
    assert pretrained.with_normalization(config) == config


def test_half_precision_is_read_and_reported(tmp_path, capsys):
    images, features, tensors = _golden("basic")
    for dtype in (np.float16, ml_dtypes.bfloat16):
        half = {k: v.astype(dtype) if v.ndim == 4 else v for k, v in tensors.items()}
        loaded = _load(_saved(tmp_path, half), SMALL["basic"])
        assert "tensors are in half precision; read as float32" in capsys.readouterr().out
        leaves = jax.tree.leaves(loaded)
        assert {leaf.dtype for leaf in leaves} == {np.dtype(np.float32)}
        ours = SMALL["basic"]().apply(_encoder(loaded), images, train=False)
        # Kernels are rounded once, by half a unit of their type, in nine layers in series.
        _assert_near(ours, features, 9 * float(ml_dtypes.finfo(dtype).eps) / 2)


def test_from_a_run(finished, tmp_path):
    detector = Detector.load(finished)
    state = jax.device_get(detector.state)
    start = jax.tree.map(np.zeros_like, {"params": state.params, "batch_stats": state.batch_stats})
    loaded = pretrained.load(str(finished), detector.task.model, start)
    jax.tree.map(np.testing.assert_array_equal, loaded["params"], state.params)
    jax.tree.map(np.testing.assert_array_equal, loaded["batch_stats"], state.batch_stats)
    with pytest.raises(UserError, match=r"does not fit .* nothing was loaded: .* is missing"):
        _load(finished, SMALL["basic"])


def _without(tensors):
    return {k: v for k, v in tensors.items() if k != "layer1.0.conv1.weight"}


def _with_another(tensors):
    return {**tensors, "layer9.0.conv1.weight": np.zeros(3, np.float32)}


def _of_another_shape(tensors):
    return {**tensors, "layer1.1.bn2.bias": np.zeros(9, np.float32)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without, "nothing was loaded: layer1.0.conv1.weight is missing$"),
        (_with_another, "nothing was loaded: layer9.0.conv1.weight has no place$"),
        (_of_another_shape, r"nothing was loaded: layer1.1.bn2.bias is \(9,\), not \(8,\)$"),
        (lambda tensors: {}, r"conv1.weight is missing; .*; and \d+ more$"),
    ],
)
def test_what_does_not_fit_is_listed(tmp_path, change, message):
    variables = _variables(SMALL["basic"])
    before = jax.tree.map(np.copy, variables)
    with pytest.raises(UserError, match=message):
        pretrained.load(
            _saved(tmp_path, change(_golden("basic")[2])), _model(SMALL["basic"]), variables
        )
    jax.tree.map(np.testing.assert_array_equal, variables, before)


def test_files_of_another_kind(tmp_path, hub):
    for name, kind in (("a.h5", "an HDF5"), ("a.safetensors", "a safetensors")):
        (tmp_path / name).write_bytes(b"no weights" * 100)
        with pytest.raises(UserError, match=f"is not {kind} file"):
            _load(str(tmp_path / name), SMALL["basic"])
    with pytest.raises(UserError, match="holds no run"):
        _load(str(tmp_path), SMALL["basic"])
    with pytest.raises(UserError, match=r"is neither .* convert them to .safetensors"):
        _load("weights.pth", SMALL["basic"])
    hub.down()
    with pytest.raises(
        UserError, match=r"could not be fetched .* \(.*refused.*\): the same command"
    ):
        _load("hf://timm/resnet18", SMALL["basic"])
    for mistyped in ("runs/mine", "hf://resnet18", "hf://a/b/c"):
        with pytest.raises(UserError, match=f"={mistyped} is neither .* nor hf://OWNER/NAME on"):
            _load(mistyped, SMALL["basic"])
    assert not hub.asked


def test_from_the_hub(tmp_path, hub):
    images, features, tensors = _golden("basic")
    file = pathlib.Path(_saved(tmp_path, tensors, "model.safetensors"))
    hub.files["timm/resnet18.test"] = {"model.safetensors": file.read_bytes()}
    loaded = _load("hf://timm/resnet18.test", SMALL["basic"])
    _assert_near(SMALL["basic"]().apply(_encoder(loaded), images, train=False), features)
    assert {each.partition(" ")[2] for each in hub.asked} == {
        "timm/resnet18.test/model.safetensors"
    }
    hub.asked.clear()
    _load("hf://timm/resnet18.test", SMALL["basic"])
    assert not hub.asked, "it is on this machine"
