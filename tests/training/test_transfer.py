"""Options for training that starts from somebody else's encoder."""

import functools
import json
import shutil

import jax
import numpy as np
import optax
import pytest

from fdd import models, train
from fdd.devices import parallel
from fdd.errors import UserError
from fdd.models.lstm import LSTM
from fdd.runs import workdir
from fdd.training import steps
from fdd.training.task import create_state, create_task
from tests import on_devices
from tests.rounding import SAME

pytestmark = pytest.mark.usefixtures("float64")  # So that a tolerance hides nothing.

NUM_STEPS = 4
LAYERS = ("first", "layer1", "layer2")
NORMS = ("first_norm", "layer1_norm", "layer2_norm")


def _train(config, num_steps=NUM_STEPS, steps_per_epoch=2):
    """The states before and after some steps on random clips, and what the steps reported."""
    devices = parallel.Parallel("jit")
    task = create_task(config, num_steps, steps_per_epoch)
    state = create_state(task, 0, devices.replicated)
    states, infos = [jax.device_get(state)], []
    train_step = devices.compile(functools.partial(steps.train_step, task=task))
    for batch in on_devices.batches(num_steps, slice(0, 4)):
        state, info = train_step(state, batch)
        states.append(jax.device_get(state))
        infos.append(jax.device_get(info))
    return states, infos


def _moved(before, after):
    """Names of the encoder's layers and of the rest that differ, of parameters and statistics."""
    moved = {}
    for group in ("params", "batch_stats"):
        moved[group] = set()
        one, two = (getattr(state, group) for state in (before, after))
        for path, leaf in jax.tree.leaves_with_path(one):
            keys = [key.key for key in path]
            other = functools.reduce(lambda tree, key: tree[key], keys, two)
            if not np.array_equal(leaf, other):
                moved[group].add(keys[2] if keys[0] == "frame_features" else keys[0])
    return moved


def _stepped(config, num_steps=1):
    """Parameters before and after steps of the optimiser alone, with gradients drawn at random."""
    task = create_task(config, num_steps)
    shapes = jax.eval_shape(lambda key: task.variables(key)["params"], jax.random.key(0))
    rng = np.random.default_rng(0)
    before = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), shapes)
    after, state = before, task.optimizer.init(before)
    update = jax.jit(task.optimizer.update)
    for _ in range(num_steps):
        gradients = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), shapes)
        updates, state = update(gradients, state, after)
        after = optax.apply_updates(after, updates)
    return before, after


@pytest.fixture
def config(config):
    config.model.mean, config.model.std = (127.5,) * 3, (64.0,) * 3
    config.precision = "float64"
    config.model.encoder = "tests.own_parts:NormalisedStripes"
    return config


@pytest.mark.parametrize(("freeze", "num_frozen"), [("first", 1), ("layer1", 2), ("encoder", 3)])
def test_frozen_parts_do_not_move_by_a_bit(config, freeze, num_frozen):
    config.freeze = freeze
    config.weight_decay = 0.1
    (before, *_, after), _ = _train(config)
    moved = _moved(before, after)
    assert moved["params"] == {"lstm_cell", "head", *LAYERS[num_frozen:], *NORMS[num_frozen:]}
    assert moved["batch_stats"] == {*NORMS[num_frozen:]}


@pytest.mark.parametrize(("freeze", "num_frozen"), [("stem", 2), ("stage1", 3)])
def test_frozen_parts_of_a_resnet(config, freeze, num_frozen):
    config.model.encoder, config.freeze = "resnet_tiny", freeze
    task = create_task(config)
    shapes = jax.eval_shape(lambda key: task.variables(key)["params"], jax.random.key(0))
    params = jax.tree.map(lambda leaf: np.ones(leaf.shape), shapes)
    updates, _ = task.optimizer.update(params, task.optimizer.init(params), params)
    encoder = task.model.encoder_variables({"params": updates})["params"]
    still = {name for name, tree in encoder.items() if not any(map(np.any, jax.tree.leaves(tree)))}
    assert still == {*("conv1", "bn1", "layer1_0", "layer2_0")[:num_frozen]}


def test_frozen_for_the_first_epoch(config):
    config.freeze = "encoder"
    config.freeze_epochs = 1
    config.weight_decay = 0.1
    states, _ = _train(config, num_steps=4, steps_per_epoch=2)
    assert _moved(states[0], states[2])["params"] == {"lstm_cell", "head"}
    assert {"first", "layer2"} <= _moved(states[2], states[3])["params"]


@pytest.mark.parametrize("accumulate_steps", [1, 2])
def test_what_thaws_begins_as_a_fresh_adam_would(config, accumulate_steps):
    """Adam's first update is the learning rate times the sign of the gradient, nearly."""
    config.freeze, config.freeze_epochs, config.schedule = "encoder", 2, "constant"
    config.encoder_learning_rate_scale, config.accumulate_steps = 0.5, accumulate_steps
    states, _ = _train(config, num_steps=5, steps_per_epoch=2)
    before, after = (state.params["frame_features"] for state in states[4:])
    updates = jax.tree.map(np.subtract, after, before)
    assert jax.tree.all(jax.tree.map(np.array_equal, before, states[0].params["frame_features"]))
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(updates))
    # The moments' ratio is at most 1 for the first gradient; a parameter's rounding comes on top.
    largest_parameter = max(np.abs(leaf).max() for leaf in jax.tree.leaves(after))
    rounding = float(np.finfo(np.float32).eps * largest_parameter)
    assert largest == pytest.approx(0.5 * config.learning_rate, rel=1e-3, abs=2 * rounding)


def test_batch_norms_thaw_with_their_layers(config):
    config.freeze, config.freeze_epochs = "layer1", 1
    states, _ = _train(config, num_steps=3, steps_per_epoch=2)
    assert _moved(states[0], states[2])["batch_stats"] == {"layer2_norm"}
    assert _moved(states[2], states[3])["batch_stats"] == {
        "first_norm",
        "layer1_norm",
        "layer2_norm",
    }
    config.frozen_batch_stats = True
    states, _ = _train(config, num_steps=3, steps_per_epoch=2)
    assert _moved(states[0], states[3])["batch_stats"] == set()


def test_frozen_statistics(config):
    config.frozen_batch_stats = True
    (before, *_, after), _ = _train(config)
    moved = _moved(before, after)
    assert moved["batch_stats"] == set()
    assert {"first", "first_norm", "layer1", "layer2"} <= moved["params"]


def test_the_encoder_may_learn_more_slowly(config):
    before, after = _stepped(config)
    config.encoder_learning_rate_scale = 0.1
    _, slow = _stepped(config)
    for path, start in jax.tree.leaves_with_path(before):
        one, two = (_at(tree, path) - start for tree in (after, slow))
        scale = 0.1 if path[0].key == "frame_features" else 1.0
        np.testing.assert_allclose(two, scale * one, rtol=SAME)


def test_each_part_may_learn_more_slowly_than_the_next(config):
    config.encoder_learning_rate_scale = 0.5
    before, plain = _stepped(config)
    config.encoder_learning_rate_decay = 0.1
    _, layered = _stepped(config)
    model = steps.create_task(config).model
    for path, start in jax.tree.leaves_with_path(before):
        part = model.part_of(tuple(key.key for key in path))
        scale = 1 if part is None else 0.1 ** (3 - part)
        one, two = (_at(tree, path) - start for tree in (plain, layered))
        np.testing.assert_allclose(
            two, scale * one, rtol=1e-6
        )  # A change of 1e-5 of numbers near 1.


@pytest.mark.parametrize("encoder", ["clip_vit_tiny", "dinov3_vit_tiny"])
def test_layer_norms_alone_learn(config, encoder):
    config.model.encoder, config.tune, config.weight_decay = encoder, "layer_norm", 0.1
    (before, *_, after), _ = _train(config, num_steps=2)
    model = steps.create_task(config).model
    for path, leaf in jax.tree.leaves_with_path(before.params):
        names = [key.key for key in path]
        part = model.part_of(tuple(names))
        learns = part is None or any("norm" in name for name in names)
        assert np.array_equal(leaf, _at(after.params, path)) != learns, names
    config.freeze = "block1"
    update = _still_updates(config)
    assert {"norm", "block2"} == update["moved"]


def _still_updates(config):
    """Which of the encoder's parts an update of ones everywhere moves."""
    task = steps.create_task(config)
    recipe = Recipe(task.model, task.optimizer, (10, 32, 32, 3))
    shapes = jax.eval_shape(lambda key: recipe.variables(key)["params"], jax.random.key(0))
    params = jax.tree.map(lambda leaf: np.ones(leaf.shape), shapes)
    updates, _ = task.optimizer.update(params, task.optimizer.init(params), params)
    encoder = task.model.encoder_variables({"params": updates})["params"]
    return {"moved": {k for k, tree in encoder.items() if any(map(np.any, jax.tree.leaves(tree)))}}


def test_no_gradient_of_what_does_not_learn_is_computed(config):
    """A kernel's gradient is a product of the kernel's shape."""
    config.model.encoder = "clip_vit_tiny"  # 8 features; 32 in a perceptron's hidden layer.
    counts = {}
    for config.tune in ("all", "layer_norm"):
        task = steps.create_task(config)
        recipe = Recipe(task.model, task.optimizer, (10, 32, 32, 3))
        state = jax.eval_shape(lambda key, r=recipe: r.state(r.variables(key)), jax.random.key(0))
        batch = next(on_devices.batches(1, slice(0, 2)))
        step = functools.partial(steps.train_step, task=task)
        program = parallel.Parallel("jit").lower(step, state, batch).as_text()
        products = [line for line in program.splitlines() if "stablehlo.dot_general" in line]
        counts[config.tune] = sum("tensor<8x32xf64>" in p.rpartition("->")[2] for p in products)
        counts[config.tune] += sum("tensor<32x8xf64>" in p.rpartition("->")[2] for p in products)
    assert counts == {"all": 4, "layer_norm": 0}


def test_warm_up_and_cosine(config):
    config.learning_rate, config.warmup_steps, config.schedule = 0.1, 4, "cosine"
    rate = create_task(config, num_steps=24).learning_rate
    np.testing.assert_allclose([rate(step) for step in range(5)], [0.025, 0.05, 0.075, 0.1, 0.1])
    assert rate(14) == pytest.approx(0.05)
    assert rate(24) == pytest.approx(0, abs=SAME)
    config.warmup_steps, config.schedule = 0, "constant"
    assert create_task(config, num_steps=24).learning_rate(23) == 0.1


def test_weight_decay_shrinks_kernels_alone(config):
    config.learning_rate = 0.01
    _, plain = _stepped(config)
    config.weight_decay = 0.5
    before, decayed = _stepped(config)
    for path, start in jax.tree.leaves_with_path(before):
        expected = _at(plain, path) - 0.01 * 0.5 * start * (start.ndim > 1)
        np.testing.assert_allclose(_at(decayed, path), expected, rtol=SAME)


def _at(tree, path):
    return functools.reduce(lambda tree, key: tree[key.key], path, tree)


@pytest.mark.parametrize("key", ["model.dropout_features", "model.dropout_head"])
def test_dropout(config, key):
    config.update_from_flattened_dict({key: 0.5})
    task = create_task(config)
    features = np.random.default_rng(0).normal(size=(6, 10, 16))
    variables = task.model.init(jax.random.key(0), features, train=False, method="classify")

    def classify(seed=0, **changes):
        keys = jax.random.split(jax.random.key(seed), len(features))
        return task.model.apply(variables, features, method="classify", keys=keys, **changes)

    trained, again, other = classify(train=True), classify(train=True), classify(1, train=True)
    np.testing.assert_array_equal(trained, again)
    config.update_from_flattened_dict({key: 0.0})
    plain = create_task(config).model.apply(variables, features, train=True, method="classify")
    np.testing.assert_allclose(judge(train=False), plain, rtol=SAME)
    for different in (plain, other):
        assert np.abs(trained - different).min() > 1e-6  # Far above rounding.


def test_label_smoothing(config):
    config.label_smoothing = 0.2
    loss_fn = create_task(config).loss_fn
    logit = np.log(9.0)  # Probability 0.9.
    expected = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    np.testing.assert_allclose(loss_fn(np.array([logit]), np.array([1.0])), expected, rtol=SAME)
    expected = -(0.1 * np.log(0.9) + 0.9 * np.log(0.1))
    np.testing.assert_allclose(loss_fn(np.array([logit]), np.array([0.0])), expected, rtol=SAME)


def test_the_average_of_parameters(config):
    config.ema_decay = 0.9
    states, _ = _train(config)
    average = states[0].params
    for step, state in enumerate(states[1:]):
        decay = min(0.9, (1 + step) / (10 + step))
        average = jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, average, state.params)  # noqa: B023
    near = functools.partial(np.testing.assert_allclose, rtol=SAME, atol=SAME)
    jax.tree.map(near, states[-1].average, average)
    task = create_task(config)
    batch = next(on_devices.batches(1, slice(0, 4)))
    eval_step = parallel.Parallel("jit").compile(functools.partial(steps.eval_step, task=task))
    of_average = eval_step(states[-1].replace(params=states[-1].average, average=None), batch)
    np.testing.assert_allclose(eval_step(states[-1], batch), of_average, rtol=SAME)
    of_parameters = eval_step(states[-1].replace(average=None), batch)
    assert np.abs(of_average - of_parameters).min() > 1e-6  # Far above rounding.


def test_the_penalty_of_the_lstm_kernel(config):
    config.l2_lstm_kernel = 0.01
    config.model.lstm_features = 256
    devices = parallel.Parallel("jit")
    task = create_task(config)
    state = create_state(task, 0, devices.replicated)
    kernels = [np.asarray(state.params["lstm_cell"][g]["kernel"]) for g in ("ii", "if", "ig", "io")]
    expected = 0.01 * (np.concatenate(kernels, axis=1) ** 2).sum()
    assert float(steps.penalty(state.params, task)) == pytest.approx(expected, rel=SAME)


def test_the_control_without_an_lstm_trains_with_the_same_penalty(config):
    config.l2_lstm_kernel = 0.01
    config.model.temporal = "mean"
    (before, after), (info,) = _train(config, num_steps=1)
    assert np.isfinite(info["loss"])
    assert "head" in _moved(before, after)["params"]


def test_keras_starts_an_lstm_so():
    """The reference system's loss of 8.59 in the first epoch is explained by this penalty."""
    shapes = {f"i{g}": {"kernel": np.zeros((2048, 256))} for g in "ifgo"}
    shapes |= {f"h{g}": {"kernel": np.zeros((256, 256)), "bias": np.zeros(256)} for g in "ifgo"}
    cell = jax.device_get(LSTM().redraw(jax.random.key(0), shapes))
    assert jax.tree.map(np.shape, cell) == jax.tree.map(np.shape, shapes)
    kernel = np.concatenate([cell[f"i{g}"]["kernel"] for g in "ifgo"], axis=1)
    limit = np.sqrt(6 / (2048 + 1024))
    # Of two million uniform numbers, the largest is within 1e-3 of the limit, and the mean square
    # is within 0.01 of a third of its square, except with a probability below 1e-100.
    assert np.abs(kernel).max() == pytest.approx(limit, rel=1e-3)
    assert 0.01 * (kernel**2).sum() == pytest.approx(0.01 * kernel.size * limit**2 / 3, rel=0.01)
    recurrent = np.concatenate([cell[f"h{g}"]["kernel"] for g in "ifgo"], axis=1)
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(256), atol=SAME)
    assert [cell[f"h{g}"]["bias"].mean() for g in "ifgo"] == [0, 1, 0, 0]


def test_early_stopping(config, tmp_path, capsys):
    config.early_stopping = 2
    config.learning_rate = 1e-30  # Nothing improves.
    config.eval_every_steps = 1
    config.num_steps = 20
    config.freeze, config.frozen_batch_stats = "encoder", True
    train.train_and_evaluate(config, tmp_path)
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records if r["split"] == "validation"] == [1, 2, 3]
    train.train_and_evaluate(config, tmp_path)
    assert "is finished" in capsys.readouterr().out


def _flip_a_byte(file):
    data = bytearray(file.read_bytes())
    data[-7] ^= 64
    file.write_bytes(data)


def test_cached_features_give_the_same(config, tmp_path, capsys):
    config.freeze = "encoder"
    config.augment.flip = False
    config.num_steps, config.eval_every_steps = 12, 6
    runs = {}
    for cache in (False, True):
        config.cache_features = cache
        folder = tmp_path / str(cache)
        train.train_and_evaluate(config, folder)
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        runs[cache] = [json.loads(line) for line in lines]
    assert {p.name for p in (tmp_path / "True/features").iterdir()} == {
        f"{split}.{ending}" for split in ("train", "validation") for ending in ("npy", "sha256")
    }
    file = tmp_path / "True/features/train.npy"
    _flip_a_byte(file)
    shutil.rmtree(tmp_path / "True/checkpoints")
    train.train_and_evaluate(config, tmp_path / "True")
    assert capsys.readouterr().out.count(f"{file} is damaged, of other clips or another") == 1
    again = (tmp_path / "True/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in again] == runs[True], "what was damaged was used"
    for one, two in zip(*runs.values(), strict=True):
        assert one["loss"] == pytest.approx(two["loss"], rel=SAME)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cache_features": True}, "needs an encoder that never changes"),
        ({"cache_features": True, "freeze": "encoder"}, "clips cannot be augmented"),
        ({"freeze": "stage9"}, "known: '', first, layer1, encoder"),
        ({"ema_decay": 1.0}, "config.ema_decay is 1.0, it must be at least 0 and below 1"),
        ({"tune": "layer_norm"}, "config.tune is 'layer_norm', known: all$"),
        ({"encoder_learning_rate_decay": -1.0}, "it must be at least 0"),
        ({"schedule": "linear"}, "known: constant, cosine"),
    ],
)
def test_settings_that_make_no_sense(config, tmp_path, changes, message):
    config.update_from_flattened_dict(changes)
    with pytest.raises(UserError, match=message):
        train.train_and_evaluate(config, tmp_path)


def test_names_of_what_can_be_frozen(config):
    config.model.encoder = "resnet18"
    names = ("", "stem", "stage1", "stage2", "stage3", "encoder")
    assert models.freezable(config) == names
    for number, config.freeze in enumerate(names):
        assert models.num_frozen_parts(config) == number


def test_the_seeds_recipe_and_the_recommended_one_are_complete(config):
    from fdd.configs import demo, resnet_lstm, resnet_lstm_best, resnet_lstm_mean
    from fdd.training import config_checks

    for module in (demo, resnet_lstm, resnet_lstm_best, resnet_lstm_mean):
        config_checks.check(module.get_config())
    seed = resnet_lstm.get_config()
    assert (seed.l2_lstm_kernel, seed.learning_rate, seed.batch_size, seed.num_epochs) == (
        0.01,
        0.001,
        32,
        50,
    )
    off = {
        "freeze": "",
        "freeze_epochs": 0,
        "frozen_batch_stats": False,
        "schedule": "constant",
        "encoder_learning_rate_scale": 1.0,
        "encoder_learning_rate_decay": 1.0,
        "tune": "all",
        "warmup_steps": 0,
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "ema_decay": 0.0,
        "early_stopping": 0,
    }
    assert {key: seed[key] for key in off} == off
    assert (seed.model.dropout_features, seed.model.dropout_head) == (0, 0)


def test_weights_are_needed_for_the_start_alone(config, finished, tmp_path):
    """A run goes on, and is evaluated, where the weights that it started from are gone."""
    config.model.encoder = "resnet_tiny"
    config.model.pretrained = str(shutil.copytree(finished, tmp_path / "weights"))
    train.train_and_evaluate(config, tmp_path / "run")
    shutil.rmtree(tmp_path / "weights")
    shutil.rmtree(tmp_path / "run/report")
    workdir.check(tmp_path / "run", config)
    train.train_and_evaluate(config, tmp_path / "run")
    assert (tmp_path / "run/report/metrics.json").exists()
    with pytest.raises(UserError, match="is neither a"):
        train.train_and_evaluate(config, tmp_path / "new")


def test_weights_of_a_run_of_another_version_are_refused(config, finished, tmp_path):
    """A v1 and a v1.5 network have parameters of the same shapes and compute other things."""
    config.model.pretrained, config.model.version = str(finished), "v1"
    with pytest.raises(UserError, match=r"holds a ResNet v1.5: say --config.model.version=v1.5"):
        train.train_and_evaluate(config, tmp_path)
