"""One step of training and one of evaluation: pure functions of a state and a batch.

They run on each device with its shard of the batch (`fdd.devices.parallel`).
"""

import functools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from fdd.devices.parallel import DATA_AXIS
from fdd.evaluation import metrics
from fdd.models.clip_classifier import ClipClassifier
from fdd.training import augment, blending, optimizers, spread
from fdd.training.state import PyTree, TrainState
from fdd.training.task import Task

Batch = Mapping[str, jax.Array]


def train_step(
    state: TrainState, batch: Batch, *, task: Task
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Takes one optimiser step.

    Args:
        state: The present state; the same on every device.
        batch: A device's shard: {'frames': uint8 [b, t, h, w, 3], 'label': float32 [b],
            'position': int32 [b], of each clip in the whole training}; 'features', float32
            [b, t, c], may replace 'frames'. Where fakes are made in the step, see
            `fdd.training.blending.with_fakes`.
        task: What the step computes.

    Returns:
        The next state; and for the whole batch {'loss': mean loss, 'gradient_norm': Euclidean norm
        of the gradient}, float []. Both are the same on every device.
    """

    def take(part: Batch) -> tuple[PyTree, PyTree, metrics.ClipSums]:
        frozen = functools.partial(
            _gradients, task=task, model=task.frozen_model, frozen_parts=task.frozen_parts
        )
        if not task.thaw_step:
            return frozen(state, part)
        thawed = functools.partial(_gradients, task=task, model=task.model, frozen_parts=0)
        return jax.lax.cond(state.step < task.thaw_step, frozen, thawed, state, part)

    gradients, batch_stats, sums = _over_parts(take, batch, task.accumulate_steps)
    gradients, batch_stats = jax.lax.pmean((gradients, batch_stats), DATA_AXIS)
    sums = jax.lax.psum(sums, DATA_AXIS)
    norm = _norm(_of_those_that_learn(gradients, task))
    updates, opt_state = task.optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    state = state.replace(
        step=state.step + 1,
        params=params,
        average=_average(state, params, task.ema_decay),
        batch_stats=batch_stats,
        opt_state=opt_state,
        sums=state.sums.merge(sums),
    )
    info = {"loss": sums.loss / sums.count, "gradient_norm": norm}
    return state, info


def _over_parts(
    take: Callable[[Batch], tuple[PyTree, PyTree, metrics.ClipSums]], batch: Batch, parts: int
) -> tuple[PyTree, PyTree, metrics.ClipSums]:
    """The means of gradients and of batch statistics over equal parts of a batch; the sums' sum.

    One part is added after another, so that memory does not grow with their number.
    """
    if parts == 1:
        return take(batch)
    batches = jax.tree.map(lambda array: array.reshape(parts, -1, *array.shape[1:]), dict(batch))
    shapes = jax.eval_shape(take, jax.tree.map(lambda array: array[0], batches))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

    def add(total: PyTree, part: Batch) -> tuple[PyTree, None]:
        return jax.tree.map(jnp.add, total, take(part)), None

    (gradients, batch_stats, sums), _ = jax.lax.scan(add, zeros, batches)
    return *jax.tree.map(lambda leaf: leaf / parts, (gradients, batch_stats)), sums


def _gradients(
    state: TrainState, batch: Batch, task: Task, model: ClipClassifier, frozen_parts: int
) -> tuple[PyTree, PyTree, metrics.ClipSums]:
    """The gradient of some clips' mean loss, the next batch statistics, and sums."""
    mean_loss = loss_of(state, batch, task, model, frozen_parts)
    gradients, (batch_stats, sums) = jax.grad(mean_loss, has_aux=True)(state.params)
    return gradients, batch_stats, sums


def loss_of(
    state: TrainState, batch: Batch, task: Task, model: ClipClassifier, frozen_parts: int
) -> Callable[[PyTree], tuple[jax.Array, tuple[PyTree, metrics.ClipSums]]]:
    """The loss of some clips as a function of the parameters.

    Args:
        state: Gives the batch statistics.
        batch: As for `train_step`.
        task: What the step computes.
        model: Its `model` or `frozen_model`.
        frozen_parts: Number of the encoder's first parts that get no gradient.

    Returns:
        A function of parameters that returns the mean loss, and the next batch statistics and sums.
    """
    if task.fakes != "recorded":
        both = task.fakes == "both"
        batch = blending.with_fakes(batch, task.blend, both, task.seed, task.model.dtype)
    position = batch["position"]
    alike = position - position % 2 if task.paired else position
    augment_keys, model_keys = (
        _keys(task.seed, each, stream) for stream, each in enumerate((alike, position))
    )
    if "features" in batch:
        inputs = batch["features"]
    else:
        frames = augment.augment(
            augment_keys, batch["frames"], **task.augment, dtype=task.model.dtype
        )
        inputs = normalized(frames, task)

    def forward(model: ClipClassifier) -> tuple[jax.Array, jax.Array]:
        features = inputs if "features" in batch else model.encode(inputs, train=True)
        vectors = model.summarize(features, train=True, keys=model_keys)
        return model.decide(vectors, train=True, keys=model_keys), vectors

    def mean_loss(params: PyTree) -> tuple[jax.Array, tuple[PyTree, metrics.ClipSums]]:
        params = _without_frozen_gradients(params, model, frozen_parts)
        variables = {"params": params, "batch_stats": state.batch_stats}
        (logits, vectors), updates = model.apply(variables, method=forward, mutable=["batch_stats"])
        clip_losses = task.loss_fn(logits, batch["label"])
        sums = metrics.ClipSums.of(
            clip_losses, logits, batch["label"], jnp.ones_like(batch["label"])
        )
        batch_stats = updates.get("batch_stats", state.batch_stats)
        total = clip_losses.mean() + penalty(params, task)
        if task.uniformity or task.alignment:
            total += spread.terms(vectors, batch["label"], task)
        return total, (batch_stats, sums)

    return mean_loss


def _keys(seed: int, position: jax.Array, stream: int) -> jax.Array:
    """A key for each clip: it depends on the seed and on the clip's place in the training."""
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), position)
    return jax.vmap(functools.partial(jax.random.fold_in, data=stream))(keys)


def eval_step(state: TrainState, batch: Batch, *, task: Task) -> jax.Array:
    """Scores the clips of all devices.

    Args:
        state: The model's parameters and statistics.
        batch: A device's shard; see `clip_logits`.
        task: What the step computes.

    Returns:
        The logits of all devices' clips, float [devices * b]; above 0 for fake.
    """
    return jax.lax.all_gather(clip_logits(state, batch, task=task), DATA_AXIS, tiled=True)


def clip_logits(state: TrainState, batch: Batch, *, task: Task) -> jax.Array:
    """Scores clips.

    Args:
        state: The model's parameters and statistics.
        batch: {'frames': uint8 [b, t, h, w, 3]}, or 'features' as in `train_step`.
        task: What the step computes.

    Returns:
        Logits, float [b], of the model's `dtype`; above 0 for fake.
    """
    if "features" in batch:
        inputs, method = batch["features"], "classify"
    else:
        inputs, method = normalized(batch["frames"], task), "__call__"
    variables = variables_for_evaluation(state)
    return task.model.apply(variables, inputs, train=False, method=method)


def encode_step(state: TrainState, batch: Batch, *, task: Task) -> jax.Array:
    """Computes the encoder's features of all devices' clips, float [devices * b, t, c].

    Args:
        state: The model's parameters and statistics.
        batch: A device's shard: {'frames': uint8 [b, t, h, w, 3]}.
        task: What the step computes.
    """
    clips = normalized(batch["frames"], task)
    variables = variables_for_evaluation(state)
    features = task.model.apply(variables, clips, train=False, method="encode")
    return jax.lax.all_gather(features, DATA_AXIS, tiled=True)


def normalized(frames: jax.Array, task: Task) -> jax.Array:
    """Normalises frames, uint8 [..., 3], for the model: float [..., 3]."""
    return augment.normalize(frames, task.mean, task.std, task.model.dtype)


def penalty(params: PyTree, task: Task) -> jax.Array:
    """The penalty that training adds to the loss: `l2_lstm_kernel` times a squared L2 norm.

    The norm is that of the LSTM's input kernel, as in Keras' `kernel_regularizer=L2(…)` of the
    layer. It is 0 for a temporal head that names no parameters for it.
    """
    kernels = task.model.penalised(params) if task.l2_lstm_kernel else []
    if not kernels:
        return jnp.zeros((), jax.tree.leaves(params)[0].dtype)
    return task.l2_lstm_kernel * sum((kernel**2).sum() for kernel in kernels)


def variables_for_evaluation(state: TrainState) -> dict[str, PyTree]:
    """Returns {'params', 'batch_stats'}: the parameters are their average if there is one."""
    params = state.params if state.average is None else state.average
    return {"params": params, "batch_stats": state.batch_stats}


def _of_those_that_learn(gradients: PyTree, task: Task) -> list[jax.Array]:
    """The others' gradients are zeros; in `_norm` they would be written to memory."""
    frozen_parts = 0 if task.thaw_step else task.frozen_parts
    return [
        leaf
        for path, leaf in jax.tree.leaves_with_path(gradients)
        if not optimizers.is_frozen(path, task.model, frozen_parts)
    ]


def _norm(tree: PyTree) -> jax.Array:
    """Euclidean norm.

    It is computed apart from other squares of `tree`, as in Adam: otherwise XLA (0.10) on a CPU
    writes squares that two sums use to memory.
    """
    leaves = jax.lax.optimization_barrier(jax.tree.leaves(tree))
    return jnp.sqrt(sum(jnp.vdot(leaf, leaf) for leaf in leaves))


def _average(state: TrainState, params: PyTree, decay: float) -> PyTree | None:
    """The exponential moving average of parameters, with a smaller decay in the first steps."""
    if not decay:
        return None
    steps = state.step.astype(jax.tree.leaves(params)[0].dtype)
    decay = jnp.minimum(decay, (1 + steps) / (10 + steps))
    return optax.incremental_update(params, state.average, 1 - decay)


def _without_frozen_gradients(params: PyTree, model: ClipClassifier, parts: int) -> PyTree:
    return jax.tree.map_with_path(
        lambda path, leaf: (
            jax.lax.stop_gradient(leaf) if optimizers.is_frozen(path, model, parts) else leaf
        ),
        params,
    )
