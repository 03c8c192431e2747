"""Free memory, the memory that a compiled program needs, and messages when memory runs out."""

import contextlib
import ctypes
import math
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax

from fdd.devices import runtime
from fdd.errors import OutOfMemory, is_out_of_memory

GIB = 2**30
_PROC, _CGROUP = pathlib.Path("/proc"), pathlib.Path("/sys/fs/cgroup")


class Free(NamedTuple):
    """Memory that a program may still allocate.

    Attributes:
        bytes: On each device.
        where: The device, in words.
    """

    bytes: int
    where: str


def free() -> Free | None:
    """The memory that is free for this process on each device; None if it is not known.

    A GPU reports JAX's limit (`XLA_PYTHON_CLIENT_MEM_FRACTION`, by default three quarters of its
    memory) and what is in use. On a CPU it is the host's memory, in equal parts for simulated
    devices.
    """
    devices = jax.local_devices()
    if runtime.on_cpu():
        host = free_of_host()
        return None if host is None else Free(host // len(devices), "on this machine")
    stats = [device.memory_stats() or {} for device in devices]
    if not all("bytes_limit" in each for each in stats):
        return None
    least = min(each["bytes_limit"] - each.get("bytes_in_use", 0) for each in stats)
    return Free(least, f"on {runtime.device_name()}")


def free_of_host() -> int | None:
    """The host's memory that is free for this process, in bytes; None if it is not known.

    This is the smaller of what the system reports as available and what the process' control groups
    leave. Cached files that the system can drop count as free.
    """
    found = [each for each in (_available(), _left_by_groups()) if each is not None]
    return min(found, default=None)


def _available() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (_PROC / "meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 2**10
    with contextlib.suppress(AttributeError, OSError, ValueError):  # macOS: all memory.
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(AttributeError, OSError):
        return _available_on_windows()
    return None


def _available_on_windows() -> int:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "available", "a", "b", "c", "d")),
            ("extended", ctypes.c_ulonglong),
        )

    status = Status(length=ctypes.sizeof(Status))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        raise OSError("the system does not report its memory")
    return status.available


def _left_by_groups() -> int | None:
    """What this process' control groups (version 1 or 2), and those above, leave, in bytes."""
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return None
    left = []
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds not in ("", "memory"):
            continue
        names = ("memory.max", "memory.current", "inactive_file")
        top = _CGROUP
        if kinds:
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            top = _CGROUP / "memory"
        inside = pathlib.PurePosixPath(path.lstrip("/"))
        left += [_left_by(top / each, *names) for each in (inside, *inside.parents)]
    return min((each for each in left if each is not None), default=None)


def _left_by(group: pathlib.Path, limit: str, used: str, droppable: str) -> int | None:
    try:
        most, now = (int((group / name).read_text()) for name in (limit, used))
        pairs = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return max(0, most - now + int(pairs.get(droppable, 0)))
    except (OSError, ValueError):  # No such group here, or "max": no limit.
        return None


def needed(program: jax.stages.Compiled) -> int | None:
    """Bytes that a program holds on a device while it runs; None if the compiler reports nothing.

    These are its arguments, its temporary values, its code, and the results that are not stored in
    place of an argument.
    """
    found = program.memory_analysis()
    if found is None:
        return None
    results = found.output_size_in_bytes - found.alias_size_in_bytes
    code = found.generated_code_size_in_bytes
    return found.argument_size_in_bytes + found.temp_size_in_bytes + results + code


def gib(count: float) -> str:
    """Bytes as text, rounded up to a tenth: '24.9 GiB'."""
    return f"{math.ceil(10 * count / GIB) / 10:.1f} GiB"


@contextlib.contextmanager
def enough_for(work: str, advice: str | Callable[[], str]) -> Iterator[None]:
    """A context that reports in one line if the device or the host runs out of memory.

    Args:
        work: What the memory is needed for, such as 'a train step'.
        advice: What to do, or a function that returns it.

    Raises:
        OutOfMemory: memory ran out.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        text = advice if isinstance(advice, str) else advice()
        raise OutOfMemory(f"{lack(error)} for {work}: {text}") from None


def lack(error: BaseException) -> str:
    """The beginning of a message, such as 'there is not enough memory on NVIDIA L4'."""
    of_host = isinstance(error, MemoryError) or runtime.on_cpu()
    place = "on this machine" if of_host else f"on {runtime.device_name()}"
    return f"there is not enough memory {place}"
