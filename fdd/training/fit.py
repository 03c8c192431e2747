"""Whether a run's steps fit the memory that there is, found out before its data is built."""

import dataclasses
import functools
import sys
from collections.abc import Iterator

import jax
import ml_collections
import numpy as np

from fdd import models
from fdd.devices import memory, parallel
from fdd.errors import OutOfMemory
from fdd.training import steps
from fdd.training.task import Task, abstract_state, create_task

_MOST_TIMES = (
    1000  # A step's memory, of that of its clips as float32; ResNet-50 takes 137 times it.
)
_MOST_BESIDES = 2 * memory.GIB  # For parameters, gradients and the optimiser's state.


@dataclasses.dataclass(frozen=True)
class Change:
    """A setting that takes less memory.

    Attributes:
        key: Of the config.
        value: Its new value.
        needed: Bytes that a step then takes on a device.
    """

    key: str
    value: object
    needed: int

    def __str__(self) -> str:
        flag = f"--config.{self.key}"
        return flag if self.value is True else f"{flag}={self.value}"

    def of(self, config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
        """The config with this setting."""
        return _with(config, self.key, self.value)


def fitted(
    config: ml_collections.ConfigDict, devices: parallel.Parallel
) -> ml_collections.ConfigDict:
    """Sees that the largest step of a run fits the memory that is free on each device.

    The step is compiled for the device, without data, unless its clips are so small that it surely
    fits: a thousand times their size and 2 GiB. With `config.fit`, settings that leave the results
    as they are, `remat` and, where batch statistics are frozen, `accumulate_steps`, are taken as
    far as needed; a line says so.

    Args:
        config: The run's, with its normalisation.
        devices: What it runs on.

    Returns:
        The config, with the settings that were taken.

    Raises:
        OutOfMemory: it does not fit; the line says what does.
    """
    free = memory.free()
    if free is None or _surely(config, devices.mesh.size) <= free.bytes:
        return config
    need = needed(config, devices)
    if need is None or need <= free.bytes:
        return config
    lacks = (
        f"a step takes {memory.gib(need)} on each device, and {_down(free.bytes)} are free "
        f"{free.where}"
    )
    _say(f"{lacks}: looking for settings that fit")
    taken: list[Change] = []
    if config.fit:
        for change in _unchanging(config, devices, need, free.bytes):
            taken.append(change)
            config, need = change.of(config), change.needed
            if need <= free.bytes:
                _say(f"config.fit: {lacks}; with {_listed(taken)} it takes {memory.gib(need)}")
                return config
    for change in _changes(config, devices, need, free.bytes):
        if change.needed <= free.bytes:
            beside = f", beside {_listed(taken)}," if taken else ""
            raise OutOfMemory(
                f"{lacks}: with {change}{beside} it takes {memory.gib(change.needed)}{_but(change)}"
            )
    raise OutOfMemory(
        f"{lacks}; no precision, part or batch of it fits: take a smaller --config.model.encoder "
        "or --config.data.image_size, or --config.freeze=encoder with --config.cache_features"
    )


def unchanging(config: ml_collections.ConfigDict, num_devices: int) -> str:
    """The next setting that takes less memory and leaves a run's results as they are; or ''."""
    if not config.remat:
        return "--config.remat"
    parts = [n for n in _numbers_of_parts(config, num_devices) if n > config.accumulate_steps]
    if parts and has_frozen_statistics(config):
        return f"--config.accumulate_steps={parts[0]}"
    return ""


def has_frozen_statistics(config: ml_collections.ConfigDict) -> bool:
    """Whether training leaves batch statistics as they are, so that parts of a batch add up."""
    parts = len(models.create_encoder(config).parts)
    frozen = models.num_frozen_parts(config) == parts and not config.freeze_epochs
    return config.frozen_batch_stats or frozen


def needed(config: ml_collections.ConfigDict, devices: parallel.Parallel) -> int | None:
    """Bytes that a config's largest step takes on a device, as the compiler counts them.

    That is the train step; with `config.cache_features` the one that computes features. One more
    batch lies on the device meanwhile. (Evaluation keeps nothing for a backward pass, and halves
    its batch if need be.) None where the compiler does not tell.
    """
    task = create_task(config)
    batch = _shapes(task, config.batch_size)
    state = abstract_state(task, devices.replicated)
    step, donate = steps.train_step, True
    if config.cache_features:
        step, donate, batch = steps.encode_step, False, {"frames": batch["frames"]}
    lowered = devices.lower(functools.partial(step, task=task), state, batch, donate=donate)
    found = memory.needed(lowered.compile())
    one_batch = sum(leaf.size * leaf.dtype.itemsize for leaf in batch.values())
    return None if found is None else found + one_batch // devices.mesh.size


def _shapes(task: Task, clips: int) -> dict[str, jax.ShapeDtypeStruct]:
    """A training batch of all devices."""
    return {
        "frames": jax.ShapeDtypeStruct((clips, *task.clip_shape), np.uint8),
        "label": jax.ShapeDtypeStruct((clips,), np.float32),
        "position": jax.ShapeDtypeStruct((clips,), np.int32),
    }


def _surely(config: ml_collections.ConfigDict, num_devices: int) -> int:
    """More than a step takes on a device, found without compiling it."""
    clips = config.batch_size * config.data.num_frames * config.data.image_size**2 * 3
    return _MOST_TIMES * 4 * clips // num_devices + _MOST_BESIDES


def _unchanging(
    config: ml_collections.ConfigDict, devices: parallel.Parallel, need: int, free: int
) -> Iterator[Change]:
    """Settings that leave the results as they are, each beside those before it."""
    if not config.remat:
        change = _computed(config, devices, "remat", True)
        if change.needed < need:
            yield change
            config, need = change.of(config), change.needed
    if has_frozen_statistics(config):
        yield from _parts(config, devices, need, free)


def _changes(
    config: ml_collections.ConfigDict, devices: parallel.Parallel, need: int, free: int
) -> Iterator[Change]:
    """Settings, each by itself, from the one that changes results the least."""
    if config.precision != "bfloat16":
        yield _computed(config, devices, "precision", "bfloat16")
    if not config.remat:
        yield _computed(config, devices, "remat", True)
    yield from _parts(config, devices, need, free)
    count, size = devices.mesh.size * config.accumulate_steps, config.batch_size
    while (size := size // 2 // count * count) > 0:
        change = _computed(config, devices, "batch_size", size)
        yield change
        if change.needed <= free:
            return


def _parts(
    config: ml_collections.ConfigDict, devices: parallel.Parallel, need: int, free: int
) -> Iterator[Change]:
    """The first number of parts that fits, or the largest: what surely does not fit is left out."""
    numbers = [
        number
        for number in _numbers_of_parts(config, devices.mesh.size)
        if number > config.accumulate_steps
    ]
    for number in numbers:
        at_least = need * config.accumulate_steps // number  # Parameters are not divided.
        if at_least > free and number != numbers[-1]:
            continue
        change = _computed(config, devices, "accumulate_steps", number)
        if change.needed <= free or number == numbers[-1]:
            yield change
            return


def _numbers_of_parts(config: ml_collections.ConfigDict, num_devices: int) -> list[int]:
    share = config.batch_size // num_devices
    return [number for number in range(1, share + 1) if share % number == 0]


def _computed(
    config: ml_collections.ConfigDict, devices: parallel.Parallel, key: str, value: object
) -> Change:
    found = needed(_with(config, key, value), devices)
    return Change(key=key, value=value, needed=sys.maxsize if found is None else found)


def _with(config: ml_collections.ConfigDict, key: str, value: object) -> ml_collections.ConfigDict:
    changed = config.copy_and_resolve_references()
    changed[key] = value
    return changed


def _but(change: Change) -> str:
    consequences = {
        "precision": " (the encoder computes in 16 bits)",
        "remat": " and more time; the results stay as they are",
        "accumulate_steps": "; batch statistics that are trained are then each part's own",
        "batch_size": "; the learning rate may have to follow",
    }
    return consequences[change.key]


def _listed(changes: list[Change]) -> str:
    return " and ".join(map(str, changes))


def _down(count: int) -> str:
    return f"{int(10 * count / memory.GIB) / 10:.1f} GiB"


def _say(line: str) -> None:
    if parallel.is_main():
        print(f"fdd: {line}", file=sys.stderr)
