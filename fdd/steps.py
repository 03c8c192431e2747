"""One step of training and one of evaluation: pure functions of a state and a batch."""

import dataclasses
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import optax

from fdd import losses, metrics, models, optimizers
from fdd.data import augment
from fdd.state import TrainState

Batch = Mapping[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Task:
    """The fixed part of a run: what a step does apart from its state and batch.

    Attributes:
        model: The detector.
        optimizer: The optimiser.
        loss_fn: (logits [b], labels [b]) to losses [b].
        mean: Per channel, what normalisation subtracts, in units of 0 to 255.
        std: Per channel, what normalisation divides by, in units of 0 to 255.
        augment: Keyword arguments of `fdd.data.augment.augment`.
        seed: Decides the augmentation of each step.
    """

    model: nn.Module
    optimizer: optax.GradientTransformation
    loss_fn: Callable[[jax.Array, jax.Array], jax.Array]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: Mapping[str, float]
    seed: int


def create_task(config: ml_collections.ConfigDict) -> Task:
    """Returns what `config` describes.

    Raises:
        UserError: a name in the config is unknown.
    """
    return Task(
        model=models.create_model(config),
        optimizer=optimizers.create_optimizer(config),
        loss_fn=losses.LOSSES[config.loss],
        mean=tuple(config.model.mean),
        std=tuple(config.model.std),
        augment=config.augment.to_dict(),
        seed=config.seed,
    )


def train_step(state: TrainState, batch: Batch, *, task: Task) -> tuple[TrainState, jax.Array]:
    """Takes one optimiser step.

    Args:
        state: Where training is.
        batch: {'frames': uint8 [b, t, h, w, 3], 'label': float32 [b]}.
        task: What to do.

    Returns:
        The next state and the batch's mean loss, float32 [].
    """
    key = jax.random.fold_in(jax.random.key(task.seed), state.step)
    frames = augment.augment(key, batch["frames"], **task.augment)
    clips = augment.normalize(frames, task.mean, task.std)

    def mean_loss(params):
        logits, updates = task.model.apply(
            {"params": params, "batch_stats": state.batch_stats},
            clips,
            train=True,
            mutable=["batch_stats"],
        )
        clip_losses = task.loss_fn(logits, batch["label"])
        return clip_losses.mean(), (logits, clip_losses, updates["batch_stats"])

    (loss, (logits, clip_losses, batch_stats)), gradients = jax.value_and_grad(
        mean_loss, has_aux=True
    )(state.params)
    updates, opt_state = task.optimizer.update(gradients, state.opt_state, state.params)
    sums = metrics.ClipSums.of(clip_losses, logits, batch["label"], jnp.ones_like(logits))
    state = state.replace(
        step=state.step + 1,
        params=optax.apply_updates(state.params, updates),
        batch_stats=batch_stats,
        opt_state=opt_state,
        sums=state.sums.merge(sums),
    )
    return state, loss


def eval_step(state: TrainState, batch: Batch, *, task: Task) -> jax.Array:
    """Returns the logits of a batch's clips, float32 [b]; above 0 for fake."""
    clips = augment.normalize(batch["frames"], task.mean, task.std)
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    return task.model.apply(variables, clips, train=False)
