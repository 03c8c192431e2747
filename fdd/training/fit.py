"""Checks that a run's steps fit into the free memory, before its data set is built."""

import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator

import ml_collections

from fdd import models
from fdd.data import groups
from fdd.devices import memory, parallel
from fdd.errors import OutOfMemory
from fdd.training import steps
from fdd.training.task import abstract_state, create_task

# An upper bound of a step's memory: a multiple of its clips as float32 (137 for ResNet-50), and an
# amount for parameters, gradients and the optimiser's state.
_LARGEST_MULTIPLE = 1000
_LARGEST_REST = 2 * memory.GIB


@dataclasses.dataclass(frozen=True)
class Change:
    """A setting with which a step needs less memory.

    Attributes:
        key: The config's key.
        value: Its new value.
        needed: Bytes that a step needs on a device with this value.
    """

    key: str
    value: object
    needed: int

    def __str__(self) -> str:
        flag = f"--config.{self.key}"
        return flag if self.value is True else f"{flag}={self.value}"

    def applied_to(self, config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
        """The config with this setting."""
        return _with(config, self.key, self.value)


Compute = Callable[[str, object], Change]


def fitted(
    config: ml_collections.ConfigDict, devices: parallel.Parallel
) -> ml_collections.ConfigDict:
    """Checks that the largest step of a run fits into the free memory of each device.

    The step is compiled for the device, without data, unless a rough upper bound fits: a thousand
    times the size of its clips, and 2 GiB. With `config.fit`, settings that do not change the
    results are applied as far as needed: `remat` and, if batch statistics are frozen,
    `accumulate_steps`. A line says which.

    Args:
        config: The run's config, with its normalisation.
        devices: The devices that it runs on.

    Returns:
        The config with the applied settings.

    Raises:
        OutOfMemory: it does not fit; the message says which setting does.
    """
    free = memory.free()
    if free is None or upper_bound(config, devices.mesh.size) <= free.bytes:
        return config
    need = needed(config, devices)
    if need is None or need <= free.bytes:
        return config
    lacks = (
        f"a step takes {memory.gib(need)} on each device, and {_rounded_down(free.bytes)} are free "
        f"{free.where}"
    )
    parallel.say(f"{lacks}: looking for settings that fit")
    taken: list[Change] = []
    if config.fit:
        for change in _unchanging(config, devices, need, free.bytes):
            taken.append(change)
            config, need = change.applied_to(config), change.needed
            if need <= free.bytes:
                parallel.say(
                    f"config.fit: {lacks}; with {_listed(taken)} it takes {memory.gib(need)}"
                )
                return config
    change = first_that_fits(config, devices, need, free.bytes)
    if change is not None:
        beside = f", beside {_listed(taken)}," if taken else ""
        raise OutOfMemory(
            f"{lacks}: with {change}{beside} it takes {memory.gib(change.needed)}"
            f"{_consequence(change)}"
        )
    raise OutOfMemory(
        f"{lacks}; no precision, part or batch of it fits: take a smaller --config.model.encoder "
        "or --config.data.image_size, or --config.freeze=encoder with --config.cache_features"
    )


def first_that_fits(
    config: ml_collections.ConfigDict,
    devices: parallel.Parallel,
    need: int,
    free: int,
    compute: Compute | None = None,
) -> Change | None:
    """The setting with which a step fits that changes the results least; None if none does.

    Args:
        config: The run's config, with its normalisation.
        devices: The devices that it runs on.
        need: Bytes that a step needs on a device without a change.
        free: Bytes that are free there.
        compute: The change of a key to a value; by default `computed`.
    """
    compute = compute or functools.partial(computed, config, devices)
    changes = _changes(config, devices, need, free, compute)
    return next((change for change in changes if change.needed <= free), None)


def computed(
    config: ml_collections.ConfigDict, devices: parallel.Parallel, key: str, value: object
) -> Change:
    """The change of a config's key to a value, with what the compiler counts for it."""
    found = needed(_with(config, key, value), devices)
    return Change(key=key, value=value, needed=sys.maxsize if found is None else found)


def unchanging(config: ml_collections.ConfigDict, num_devices: int) -> str:
    """The flag of the next setting that saves memory and does not change the results, or ''."""
    if not config.remat:
        return "--config.remat"
    parts = [n for n in _numbers_of_parts(config, num_devices) if n > config.accumulate_steps]
    if parts and parts_add_up(config):
        return f"--config.accumulate_steps={parts[0]}"
    return ""


def parts_add_up(config: ml_collections.ConfigDict) -> bool:
    """Whether parts of a batch add up: training does not change batch statistics, and no term of
    the loss compares clips.
    """
    parts = len(models.create_encoder(config).parts)
    frozen = models.num_frozen_parts(config) == parts and not config.freeze_epochs
    compared = config.uniformity or config.alignment  # Within a part: they would be other pairs.
    return (config.frozen_batch_stats or frozen) and not compared


def needed(config: ml_collections.ConfigDict, devices: parallel.Parallel) -> int | None:
    """Bytes that a config's largest step needs on a device, as the compiler counts them.

    That is the train step, or with `config.cache_features` the step that computes features. One
    more batch is on the device at the same time. (Evaluation has a number of clips of its own:
    `fdd.training.fit_evaluation`.)

    Returns:
        The bytes; None if the compiler reports nothing.
    """
    task = create_task(config)
    batch = task.batch(config.batch_size)
    state = abstract_state(task, devices.replicated)
    step, donate = steps.train_step, True
    if config.cache_features:
        step, donate, batch = steps.encode_step, False, {"frames": batch["frames"]}
    lowered = devices.lower(functools.partial(step, task=task), state, batch, donate=donate)
    found = memory.needed(lowered.compile())
    one_batch = sum(leaf.size * leaf.dtype.itemsize for leaf in batch.values())
    return None if found is None else found + one_batch // devices.mesh.size


def upper_bound(config: ml_collections.ConfigDict, num_devices: int) -> int:
    """An upper bound of the bytes that a step needs on a device, without compiling it."""
    clips = config.batch_size * config.data.num_frames * config.data.image_size**2 * 3
    return _LARGEST_MULTIPLE * 4 * clips // num_devices + _LARGEST_REST


def _unchanging(
    config: ml_collections.ConfigDict, devices: parallel.Parallel, need: int, free: int
) -> Iterator[Change]:
    """Settings that do not change the results, each in addition to the previous ones."""
    if not config.remat:
        change = computed(config, devices, "remat", True)
        if change.needed < need:
            yield change
            config, need = change.applied_to(config), change.needed
    if parts_add_up(config):
        compute = functools.partial(computed, config, devices)
        yield from _parts(config, devices, need, free, compute)


def _changes(
    config: ml_collections.ConfigDict,
    devices: parallel.Parallel,
    need: int,
    free: int,
    compute: Compute,
) -> Iterator[Change]:
    """Alternative settings; those that change the results least come first."""
    if config.precision != "bfloat16":
        yield compute("precision", "bfloat16")
    if not config.remat:
        yield compute("remat", True)
    yield from _parts(config, devices, need, free, compute)
    count = devices.mesh.size * config.accumulate_steps * _together(config)
    size = config.batch_size
    while (size := size // 2 // count * count) > 0:
        change = compute("batch_size", size)
        yield change
        if change.needed <= free:
            return


def _parts(
    config: ml_collections.ConfigDict,
    devices: parallel.Parallel,
    need: int,
    free: int,
    compute: Compute,
) -> Iterator[Change]:
    """The first number of parts that fits, or the largest; what cannot fit is not compiled."""
    numbers = [
        number
        for number in _numbers_of_parts(config, devices.mesh.size)
        if number > config.accumulate_steps
    ]
    for number in numbers:
        at_least = need * config.accumulate_steps // number  # Parameters are not divided.
        if at_least > free and number != numbers[-1]:
            continue
        change = compute("accumulate_steps", number)
        if change.needed <= free or number == numbers[-1]:
            yield change
            return


def _numbers_of_parts(config: ml_collections.ConfigDict, num_devices: int) -> list[int]:
    shard = config.batch_size // num_devices // _together(config)
    return [number for number in range(1, shard + 1) if shard % number == 0]


def _together(config: ml_collections.ConfigDict) -> int:
    return groups.size(config.data.fakes, config.data.paired)


def _with(config: ml_collections.ConfigDict, key: str, value: object) -> ml_collections.ConfigDict:
    changed = config.copy_and_resolve_references()
    changed[key] = value
    return changed


def _consequence(change: Change) -> str:
    consequences = {
        "precision": " (the encoder computes in 16 bits)",
        "remat": " and more time; the results stay as they are",
        "accumulate_steps": "; batch statistics that are trained are then each part's own",
        "batch_size": "; the learning rate may have to follow",
    }
    return consequences[change.key]


def _listed(changes: list[Change]) -> str:
    return " and ".join(map(str, changes))


def _rounded_down(count: int) -> str:
    return f"{int(10 * count / memory.GIB) / 10:.1f} GiB"
