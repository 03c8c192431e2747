"""What a config makes of a run: the model, its first state, and all that its steps are given."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import ml_collections
import optax

from fdd import models
from fdd.data import groups
from fdd.evaluation.metrics import ClipSums
from fdd.models.clip_classifier import ClipClassifier
from fdd.training import blending, losses, optimizers
from fdd.training.state import PyTree, TrainState
from fdd.video import landmarks


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """The fixed part of a run: how its first state is made, and what a step does with a state.

    Attributes:
        model: The detector.
        clip_shape: (frames, height, width, channels).
        frozen_model: The same, but batch norms of frozen parts use their running statistics.
        optimizer: The optimiser.
        learning_rate: Step to learning rate.
        loss_fn: (logits [b], labels [b]) to losses [b].
        l2_lstm_kernel: See `fdd.training.steps.penalty`.
        uniformity: See `fdd.training.spread`, as for the next one.
        alignment: Likewise.
        frozen_parts: Number of the encoder's first parts whose gradient is 0 and not computed.
        thaw_step: The step from which they get a gradient, and `model` is trained instead of
            `frozen_model`; 0: they stay frozen.
        ema_decay: Decay of the average of the parameters that evaluation uses; 0: no average.
        mean: What normalisation subtracts per channel, in units of 0 to 255.
        std: What normalisation divides by per channel, in units of 0 to 255.
        augment: Keyword arguments of `fdd.training.augment.augment`.
        fakes: Where fakes come from (`fdd.data.groups.FAKES`).
        paired: Whether clips come in pairs of a genuine one and a fake of it, which are augmented
            alike.
        blend: How fakes are made of genuine clips, unless they are all recorded.
        seed: Decides the augmentation of each clip.
        accumulate_steps: Number of equal parts in which a device processes its shard of the batch,
            one after the other. The gradient is the mean over the parts. If batch statistics are
            trained, each part has its own, so the result differs from that of one part; otherwise
            it is the same.
    """

    model: ClipClassifier
    clip_shape: tuple[int, int, int, int]
    frozen_model: ClipClassifier
    optimizer: optax.GradientTransformation
    learning_rate: optax.Schedule
    loss_fn: Callable[[jax.Array, jax.Array], jax.Array]
    l2_lstm_kernel: float
    uniformity: float
    alignment: float
    frozen_parts: int
    thaw_step: int
    ema_decay: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: Mapping[str, float]
    fakes: str
    paired: bool
    blend: blending.Settings
    seed: int
    accumulate_steps: int

    def variables(self, key: jax.Array) -> PyTree:
        """Draws {'params', 'batch_stats'} in float32, whatever the precision; a pure function."""
        clips = jnp.zeros((1, *self.clip_shape), jnp.float32)
        variables = self.model.init(key, clips, train=False)
        params = self.model.redraw(jax.random.fold_in(key, 1), dict(variables["params"]))
        return {"params": params, "batch_stats": variables.get("batch_stats", {})}

    def batch(self, clips: int) -> dict[str, jax.ShapeDtypeStruct]:
        """What a train step on this number of clips is given: shapes and types by name."""
        read = clips // 2 if self.fakes == "self_blended" else clips
        batch = {
            "frames": jax.ShapeDtypeStruct((read, *self.clip_shape), jnp.uint8),
            "label": jax.ShapeDtypeStruct((read,), jnp.float32),
            "position": jax.ShapeDtypeStruct((read,), jnp.int32),
        }
        if self.fakes != "recorded":
            shape = (read, self.clip_shape[0], len(landmarks.NAMES), 2)
            batch["landmarks"] = jax.ShapeDtypeStruct(shape, jnp.float32)
        return batch

    def state(self, variables: PyTree) -> TrainState:
        """The state before the first step; a pure function."""
        dtype = self.model.dtype
        variables = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), dict(variables))
        params = variables["params"]
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            batch_stats=variables["batch_stats"],
            opt_state=self.optimizer.init(params),
            sums=ClipSums.zeros(dtype),
            average=jax.tree.map(jnp.copy, params) if self.ema_decay else None,
        )


def create_task(
    config: ml_collections.ConfigDict, num_steps: int = 1, steps_per_epoch: int = 1
) -> Task:
    """Returns the task that `config` describes.

    Args:
        config: The run's config.
        num_steps: Steps of the whole run; needed for training.
        steps_per_epoch: Steps of an epoch; likewise.

    Raises:
        UserError: a name in the config is unknown.
    """
    model, frozen_parts = models.create_model(config), models.num_frozen_parts(config)
    optimizer, learning_rate = optimizers.create_optimizer(
        config, model, num_steps, steps_per_epoch
    )
    size = config.data.image_size
    return Task(
        model=model,
        clip_shape=(config.data.num_frames, size, size, 3),
        frozen_model=models.create_model(config, frozen_parts),
        optimizer=optimizer,
        learning_rate=learning_rate,
        loss_fn=losses.create_loss(config),
        l2_lstm_kernel=config.l2_lstm_kernel,
        uniformity=config.uniformity,
        alignment=config.alignment,
        frozen_parts=frozen_parts,
        thaw_step=optimizers.thaw_step(config, steps_per_epoch),
        ema_decay=config.ema_decay,
        mean=tuple(config.model.mean),
        std=tuple(config.model.std),
        augment=config.augment.to_dict(),
        fakes=config.data.fakes,
        paired=groups.size(config.data.fakes, config.data.paired) > 1,
        blend=blending.Settings.of(config.blend),
        seed=config.seed,
        accumulate_steps=config.accumulate_steps,
    )


def create_state(
    task: Task,
    seed: int,
    sharding: jax.sharding.Sharding,
    change: Callable[[PyTree], PyTree] = lambda variables: variables,
) -> TrainState:
    """Returns the state before the first step.

    Args:
        task: What the config makes of the run.
        seed: Decides the initial parameters.
        sharding: Placement of the state.
        change: A function from the shapes and types of {'params', 'batch_stats'}
            (`jax.ShapeDtypeStruct`) to the same tree, with NumPy arrays in place of those that are
            not random. What it leaves is drawn, and nothing else: large weights that are loaded
            take no memory twice.
    """
    key = jax.random.key(seed)
    known, structure = jax.tree.flatten(change(jax.eval_shape(task.variables, key)))
    open_places = [n for n, leaf in enumerate(known) if isinstance(leaf, jax.ShapeDtypeStruct)]

    def drawn(key: jax.Array) -> list[jax.Array]:
        leaves = jax.tree.leaves(task.variables(key))
        return [leaves[number] for number in open_places]

    # It runs once, and optimising would triple the time for compiling.
    draw = jax.jit(drawn, compiler_options={"xla_backend_optimization_level": "1"})
    for number, leaf in zip(open_places, jax.device_get(draw(key)), strict=True):
        known[number] = leaf
    donated = (0,) if task.model.dtype == jnp.float32 else ()  # The state is where they were.
    make = jax.jit(task.state, out_shardings=sharding, donate_argnums=donated)
    return make(jax.tree.unflatten(structure, known))


def abstract_state(task: Task, sharding: jax.sharding.Sharding) -> TrainState:
    """The shapes, types and placement of `create_state`'s result."""
    shapes = jax.eval_shape(lambda key: task.state(task.variables(key)), jax.random.key(0))
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), shapes
    )
