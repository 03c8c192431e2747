"""Vision transformers, and loading weights of others into them."""

import functools
import json
import mmap
import pathlib
import re

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from fdd.errors import UserError
from fdd.models import ENCODERS, layers, positions, torch_layout
from fdd.models.clip_classifier import ClipClassifier
from fdd.models.temporal import Mean
from fdd.models.vit import ClipVit, Dinov3Vit
from fdd.training import pretrained
from tests.rounding import SAME

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
SMALL = {
    "clip": functools.partial(ClipVit, 16, 3, 2, 8, "quick_gelu", grid=4),
    "clip_gelu": functools.partial(ClipVit, 16, 3, 2, 8, "gelu", grid=4),
    "dinov3": functools.partial(Dinov3Vit, 16, 3, 2, 8, "gelu", num_registers=2),
}
QUICKLY = {"xla_backend_optimization_level": "0"}  # What runs once is not worth optimising.


def _model(encoder):
    return ClipClassifier(encoder, Mean)


def _variables(model, size=32, frames=2):
    """Random variables, so that any that are not replaced by loading are noticed."""
    init = functools.partial(model.init, train=False)
    shapes = jax.eval_shape(init, jax.random.key(0), jnp.zeros((1, frames, size, size, 3)))
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: rng.random(leaf.shape, np.float32), shapes["params"])
    return {"params": params, "batch_stats": {}}


def _stored(name):
    with np.load(FIXTURES / f"torch_{name}.npz") as arrays:
        return dict(arrays)


def _file(tmp_path, arrays):
    tensors = {k.removeprefix("tensor/"): v for k, v in arrays.items() if k.startswith("tensor/")}
    safetensors.numpy.save_file(tensors, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


@pytest.fixture
def loaded(tmp_path):
    """The network of a fixture with its tensors, read from a file; and the fixture."""

    def load(name):
        arrays = _stored(name)
        model = _model(SMALL[name])
        file = _file(tmp_path, arrays)
        return model, pretrained.load(str(file), model, _variables(model)), arrays

    return load


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICKLY)
def _seen(model, variables, clips):
    """The encoder's output for the frames of clips, and their features."""
    maps = model.apply(variables, clips, train=False, method="feature_maps")
    return maps, model.apply(variables, maps, method="pool")


@pytest.mark.parametrize("name", SMALL)
def test_transformers_computes_the_same_with_the_same_tensors(loaded, name):
    model, variables, arrays = loaded(name)
    for size in (32, 48):  # Positions are those of 32.
        found = _seen(model, variables, arrays[f"images_{size}"][None])  # A clip of two frames.
        for ours, kind in zip(found, ("tokens", "features"), strict=True):
            theirs = arrays[f"{kind}_{size}"]
            assert np.abs(ours[0] - theirs).max() <= 1e-5 * np.abs(theirs).max()


# transformers' counts, of CLIPVisionModel and DINOv3ViTModel (whose mask token is left).
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("clip_vit_b16", 85_799_424),
        ("clip_vit_l14", 303_179_776),
        ("dinov3_vit_l16", 303_128_576),
    ],
)
def test_number_of_parameters(name, count):
    model = _model(ENCODERS[name])
    boxes = layers.describe(model, (2, 224, 224, 3))
    parts = len(model.encoder.parts)
    assert sum(box.num_params for box in boxes[1 : 1 + parts]) == count
    tokens = {"clip_vit_b16": 197, "clip_vit_l14": 257, "dinov3_vit_l16": 201}[name]
    features = {"clip_vit_b16": 768}.get(name, 1024)
    assert [box.output for box in boxes[1 : parts + 2]] == [
        *[(2, tokens, features)] * parts,
        (2, features),
    ]
    assert len({box.num_params for box in boxes[2:parts]}) == 1, "blocks are alike"
    assert boxes[1].name.startswith("Patches of 1")
    assert boxes[2].name.startswith("Transformer block 1, 1")


def test_what_is_exported_has_the_names_and_shapes_that_were_read(loaded):
    for name in SMALL:
        model, variables, arrays = loaded(name)
        written = torch_layout.to_torch(model, variables)
        for key in (key for key in written if not key.startswith("head.")):
            stored = arrays.get(f"tensor/{key}")
            if stored is None:  # CLIPVisionModel alone has no prefix.
                stored = arrays[f"tensor/{key.removeprefix('vision_model.')}"]
            np.testing.assert_array_equal(written[key], stored)


def test_less_memory_gives_the_same_gradient(loaded):
    _, variables, arrays = loaded("dinov3")
    clips, results = arrays["images_32"][None], []
    for remat in (False, True):
        model = _model(functools.partial(SMALL["dinov3"], remat=remat))

        def total(params, model=model):
            return model.apply({"params": params}, clips, train=True).sum()

        gradient = jax.jit(jax.grad(total), compiler_options=QUICKLY)
        traced = gradient.trace(variables["params"])
        assert bool(re.search("remat|checkpoint", str(traced.jaxpr))) == remat
        results.append(traced.lower().compile(QUICKLY)(variables["params"]))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6), *results)


def test_bfloat16_is_near(loaded):
    model, variables, arrays = loaded("clip")
    half = _model(functools.partial(SMALL["clip"], dtype=jnp.bfloat16))
    clips = arrays["images_32"][None]
    one, two = (_seen(each, variables, clips)[1] for each in (model, half))
    assert two.dtype == jnp.float32
    # Sixteen additions to the tokens in series, each rounded to 2⁻⁹ of what is by then there.
    assert 1e-4 < np.abs(one - two).max() / np.abs(one).max() < 16 * 2**-8


def test_resized_positions_are_a_weighted_mean():
    grid = np.random.default_rng(0).normal(size=(4, 4, 3))
    with jax.enable_x64(True):
        assert positions.resized(grid, 4, 4) is grid
        constant = positions.resized(np.ones((4, 4, 1)), 7, 3)
        np.testing.assert_allclose(constant, np.ones((7, 3, 1)), rtol=SAME)


def test_products_of_queries_and_keys_depend_on_the_distance_of_patches():
    """With rotary positions, a product depends on the relative position of two patches."""
    with jax.enable_x64(True):
        cosines, sines = positions.rotation(5, 5, 8, unmoved=1)
        query, key = np.random.default_rng(0).normal(size=(2, 8))
        turned = (
            positions.rotate(np.tile(each, (1, 26, 1, 1)).reshape(1, 26, 1, 8), cosines, sines)
            for each in (query, key)
        )
        products = np.einsum("nc,mc->nm", *(np.asarray(each)[0, :, 0] for each in turned))
    of_patches = products[1:, 1:].reshape(5, 5, 5, 5)
    np.testing.assert_allclose(of_patches[0, 1, 2, 3], of_patches[2, 0, 4, 2], rtol=SAME)
    assert abs(of_patches[0, 1, 2, 3] - of_patches[0, 1, 3, 2]) > 1e-3
    np.testing.assert_allclose(products[0, 0], query @ key, rtol=SAME)


def _folder(folder, arrays, **stated):
    """A repository of transformers, whose tensors lie in two parts."""
    tensors = {k.removeprefix("tensor/"): v for k, v in arrays.items() if k.startswith("tensor/")}
    names, parts = sorted(tensors), {}
    for number in (0, 1):
        some = {name: tensors[name] for name in names[number::2]}
        file = f"model-0000{number + 1}-of-00002.safetensors"
        safetensors.numpy.save_file(some, folder / file)
        parts |= dict.fromkeys(some, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    (folder / "config.json").write_text(json.dumps({"model_type": "clip", "vision_config": stated}))
    return folder


def test_weights_in_several_parts_in_a_folder_and_on_the_hub(loaded, tmp_path, hub):
    model, expected, arrays = loaded("clip")
    (tmp_path / "parts").mkdir()
    folder = _folder(tmp_path / "parts", arrays, hidden_act="quick_gelu", num_attention_heads=2)
    start = _variables(model)
    found = pretrained.load(str(folder), model, start)
    jax.tree.map(np.testing.assert_array_equal, found, expected)

    hub.files["openai/clip-vit-test"] = {file.name: file.read_bytes() for file in folder.iterdir()}
    found = pretrained.load("hf://openai/clip-vit-test", model, start)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_weights_are_mapped_and_not_copied(loaded):
    model, variables, _ = loaded("clip")
    of_encoder = model.encoder_variables(variables)["params"]
    owners = set()
    for leaf in jax.tree.leaves(of_encoder):
        while isinstance(leaf.base, np.ndarray):
            leaf = leaf.base
        owners.add(type(leaf.base))
    assert owners == {mmap.mmap}


def _index(content):
    return lambda folder: (folder / "model.safetensors.index.json").write_text(content)


def _twice(folder):
    tensors = {"logit_scale": np.zeros(1, np.float32)}
    safetensors.numpy.save_file(tensors, folder / "model-00003.safetensors")
    names = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)] + ["model-00003.safetensors"]
    _index(json.dumps({"weight_map": dict(zip("abc", names, strict=True))}))(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_index('{"weight_map": {"a": "../../etc/passwd"}}'), "does not list which files hold"),
        (_index("[]"), "does not list which files hold the tensors: it is damaged"),
        (_index('{"weight_map": {"a": "b.safetensors"}}'), "lacks b.safetensors, which its index"),
        (_twice, "hold tensors of the same names"),
        (lambda folder: (folder / "config.json").write_text("x"), "config.json is no JSON object"),
    ],
)
def test_damaged_repositories(tmp_path, change, message):
    model = _model(SMALL["clip"])
    folder = _folder(tmp_path, _stored("clip"))
    change(folder)
    with pytest.raises(UserError, match=message):
        pretrained.load(str(folder), model, _variables(model))


def test_weights_of_another_activation_are_refused(tmp_path):
    """Their tensors have the same names and shapes."""
    model = _model(SMALL["clip"])
    folder = _folder(tmp_path, _stored("clip"), hidden_act="gelu")
    message = "config.json says that hidden_act is gelu, and config.model.encoder has quick_gelu"
    with pytest.raises(UserError, match=message):
        pretrained.load(str(folder), model, _variables(model))


def test_assumptions_without_a_config_are_printed(tmp_path, capsys):
    model = _model(SMALL["clip"])
    folder = _folder(tmp_path, _stored("clip"))
    pretrained.load(str(folder), model, _variables(model))
    assert "assumed" not in capsys.readouterr().out
    (folder / "config.json").unlink()
    pretrained.load(str(folder), model, _variables(model))
    said = "no config.json beside it says what the network is; assumed: hidden_act=quick_gelu, "
    assert said in capsys.readouterr().out
    (folder / "config.json").write_text('{"vision_config": 3}')
    with pytest.raises(UserError, match="is damaged: its vision_config is no object"):
        pretrained.load(str(folder), model, _variables(model))


@pytest.mark.parametrize("name", SMALL)
def test_values_of_patches_are_laid_out_as_a_picture(name):
    """The class token and the registers are left out."""
    encoder = SMALL[name]()
    first = 1 + encoder.num_registers
    values = np.arange(2 * (first + 9)).reshape(2, -1)
    picture = encoder.as_picture(values)
    assert picture.shape == (2, 3, 3)
    np.testing.assert_array_equal(picture[1, 2], values[1, -3:])
    np.testing.assert_array_equal(picture[0, 0], values[0, first : first + 3])


@pytest.mark.parametrize("name", ["clip", "dinov3"])
def test_it_is_exported_for_any_number_of_clips(name):
    model = _model(SMALL[name])
    variables = _variables(model)

    def logits(clips):
        return model.apply(variables, clips, train=False)

    clips = jax.ShapeDtypeStruct(jax.export.symbolic_shape("b, 2, 48, 48, 3"), np.float32)
    program = jax.export.export(jax.jit(logits), platforms=("cpu", "cuda"))(clips)
    assert str(program.out_avals[0].shape) == "(b,)"
