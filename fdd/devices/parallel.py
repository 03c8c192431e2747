"""Running a step on one device, on all devices of a machine, or on those of several machines.

A step sees its device's shard of the batch and sums over `DATA_AXIS` whatever concerns the whole
batch, so nothing in it depends on the number of devices. Convolutions never get a sharded axis:
under a sharded `jit` without `shard_map`, the convolution inside a map over frames makes XLA gather
the whole batch on every device.
"""

import functools
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from fdd.devices import runtime
from fdd.devices.in_parts import InParts
from fdd.devices.peers import ending_alone as ending_alone
from fdd.devices.processes import (
    initialize as initialize,  # A part of this module's interface.
)
from fdd.errors import UserError

DATA_AXIS = "data"
KINDS = ("auto", "jit", "pmap")

PyTree = Any
Step = Callable[[PyTree, Mapping[str, jax.Array]], PyTree]
"""Maps (state, a device's shard of the batch) to results that are the same on every device."""


class Parallel:
    """The devices of a run, and how a step runs on them.

    Attributes:
        kind: 'jit' (`jax.jit` of `jax.shard_map`) or 'pmap'.
        mesh: All devices of all processes, along `DATA_AXIS`.
    """

    def __init__(self, kind: str = "auto"):
        """Uses all devices.

        Args:
            kind: 'jit', 'pmap', or 'auto': 'pmap' if there are several devices.
        """
        devices = jax.devices()
        self.kind = kind if kind != "auto" else "pmap" if len(devices) > 1 else "jit"
        self.mesh = Mesh(np.array(devices), (DATA_AXIS,), axis_types=(AxisType.Auto,))

    @property
    def replicated(self) -> NamedSharding:
        """The placement of a state: a complete copy on every device."""
        return NamedSharding(self.mesh, PartitionSpec())

    def check_batch_size(self, batch_size: int, parts: int = 1, together: int = 1) -> None:
        """Checks that every device gets the same number of clips, in `parts` equal parts.

        Args:
            batch_size: Clips.
            parts: Number of parts.
            together: Number of clips that stay together.

        Raises:
            UserError: the batch size cannot be divided so.
        """
        devices = self.mesh.size
        shares = devices * parts * together
        if batch_size % shares:
            each = f" with config.accumulate_steps={parts}" if parts > 1 else ""
            whole = f" in groups of {together} clips" if together > 1 else ""
            raise UserError(
                f"config.batch_size is {batch_size}, which {devices} devices{each} cannot share "
                f"evenly{whole}: take a multiple of {shares}, or hide devices "
                "(CUDA_VISIBLE_DEVICES)"
            )

    def compile(self, step: Step, *, donate: bool = False) -> Step:
        """Compiles a step for all devices.

        Args:
            step: See `Step`; it may use `DATA_AXIS`.
            donate: The function donates its first argument, the state, which is invalid afterwards.

        Returns:
            A function of a state, placed as in `replicated`, and of this process's shard of the
            batch as NumPy arrays; its results are placed in the same way.
        """
        compiled, place = self._compiled(step, donate)
        several = jax.process_count() > 1

        def run(state: PyTree, batch: Mapping[str, np.ndarray]) -> PyTree:
            placed = jax.tree.map(place, dict(batch))
            if runtime.on_cpu():  # Otherwise XLA uses another thread: `runtime.keep_memory`.
                jax.block_until_ready((state, placed))
            out = compiled(state, placed)
            if several and self.kind == "pmap":  # Its arrays are of this process alone.
                out = multihost_utils.host_local_array_to_global_array(
                    out, self.mesh, PartitionSpec()
                )
            return out

        return run

    def compile_by_clip(self, step: Step, most: int | None = None) -> Step:
        """As `compile`, for a step whose results have a row per clip (`fdd.devices.in_parts`).

        Args:
            step: See `compile`.
            most: The largest number of clips to try at a time; None: not known.
        """
        return InParts(self.compile(step), self.mesh.size, most)

    def lower(
        self,
        step: Step,
        state: PyTree,
        batch: Mapping[str, np.ndarray | jax.ShapeDtypeStruct],
        *,
        donate: bool = False,
    ) -> jax.stages.Lowered:
        """The program of one device that `compile` would compile.

        Args:
            step: As for `compile`.
            state: Arrays, or their shapes, types and places.
            batch: This process' shard; or shapes and types of the whole batch.
            donate: As for `compile`.
        """
        compiled, place = self._compiled(step, donate)
        is_abstract = any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in batch.values())
        return compiled.lower(
            state, jax.tree.map(self._placed_shape if is_abstract else place, dict(batch))
        )

    def _placed_shape(self, whole: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        """What `compile` makes of an array that is known by its shape alone."""
        if self.kind == "pmap":
            share = (jax.local_device_count(), len(whole) // self.mesh.size)
            return jax.ShapeDtypeStruct((*share, *whole.shape[1:]), whole.dtype)
        sharding = NamedSharding(self.mesh, PartitionSpec(DATA_AXIS))
        return jax.ShapeDtypeStruct(whole.shape, whole.dtype, sharding=sharding)

    def _compiled(self, step: Step, donate: bool) -> tuple[Callable, Callable]:
        donated = (0,) if donate else ()
        if self.kind == "pmap":
            compiled = jax.pmap(
                step, DATA_AXIS, in_axes=(None, 0), out_axes=None, donate_argnums=donated
            )
            return compiled, self._split
        sharded = jax.shard_map(
            step,
            mesh=self.mesh,
            in_specs=(PartitionSpec(), PartitionSpec(DATA_AXIS)),
            out_specs=PartitionSpec(),
            check_vma=False,  # Batch statistics sum over this axis and a vmapped one at once.
        )
        options = runtime.compiler_options(self.mesh.size)
        compiled = jax.jit(sharded, donate_argnums=donated, compiler_options=options)
        sharding = NamedSharding(self.mesh, PartitionSpec(DATA_AXIS))
        return compiled, functools.partial(jax.make_array_from_process_local_data, sharding)

    def _split(self, array: np.ndarray) -> np.ndarray:
        """[b, ...] to [devices of this process, shard, ...]."""
        return array.reshape(jax.local_device_count(), -1, *array.shape[1:])


def is_main() -> bool:
    """Whether this process is the one that writes files."""
    return jax.process_index() == 0


def say(line: str) -> None:
    """Tells the user a line, once, however many processes there are."""
    if is_main():
        print(f"fdd: {line}", file=sys.stderr)


def barrier(name: str) -> None:
    """Waits until every process has reached this point."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


_BYTES = {"f32": 4, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "pred": 1, "u8": 1, "s8": 1, "f64": 8}


def communicated_bytes(program: str) -> dict[str, int]:
    """Bytes that each kind of collective operation of a compiled program processes.

    Args:
        program: The text (HLO) of the compiled result of `Parallel.lower`.

    Returns:
        By operation ('all-reduce', 'all-gather', 'reduce-scatter', 'all-to-all',
        'collective-permute'), the sizes of the results on one device.
    """
    kinds = "all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute"
    operation = re.compile(rf"= (?P<type>.*?) (?P<kind>{kinds})(?:-start)?\(")
    shape = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\]")
    found: dict[str, int] = {}
    for match in operation.finditer(program):
        for dtype, dims in shape.findall(match["type"]):
            size = int(np.prod([int(dim) for dim in dims.split(",") if dim], dtype=np.int64))
            found[match["kind"]] = found.get(match["kind"], 0) + size * _BYTES[dtype]
    return found
