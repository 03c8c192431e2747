"""How a command uses the machine: compiled programs, and memory."""

import ctypes
import hashlib
import os
import pathlib
import platform
import sys

import jax

from fdd.system import home

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h.


def prepare() -> None:
    """Prepares the process; call it before a device is used."""
    home.give_matplotlib_a_folder()
    _keep_compiled_programs()


def on_cpu() -> bool:
    """Whether programs run on the CPU, because there is no accelerator."""
    return jax.default_backend() == "cpu"


def on_nvidia() -> bool:
    """Whether programs run on an NVIDIA GPU."""
    return jax.default_backend() == "gpu" and "cuda" in jax.devices()[0].client.platform_version


def device_name() -> str:
    """The name of the first device, such as 'NVIDIA H100 80GB HBM3' or 'cpu'."""
    return jax.devices()[0].device_kind


def compiler_options(num_devices: int) -> dict[str, str]:
    """Options for `jax.jit`.

    On a CPU, XLA (0.10) gives convolutions to YNNPACK, which takes up to twice as long as XLA's own
    code; sums and matrix products are faster with YNNPACK. With several simulated devices, XLA's
    own convolutions disturb each other, and the processor needs more time.

    Args:
        num_devices: How many devices the program runs on.
    """
    if not on_cpu() or num_devices > 1:
        return {}
    kinds = ("INDIVIDUAL_DOT", "REDUCE")
    libraries = ",".join(f"LIBRARY_FUSION_TYPE_{kind}" for kind in kinds)
    return {"xla_cpu_experimental_ynn_fusion_type": libraries}


def _keep_compiled_programs() -> None:
    """Stores what takes longer than 0.3 s to compile in ~/.cache/fdd, or in JAX's own setting.

    `JAX_COMPILATION_CACHE_DIR` names another folder; `JAX_ENABLE_COMPILATION_CACHE=false` turns
    storing off. A program fits one kind of processor, and machines may share a home, so each kind
    has its own folder. If the folder cannot be written, nothing is stored, and a line says so.
    """
    if not jax.config.jax_enable_compilation_cache:
        return
    if not jax.config.jax_compilation_cache_dir:
        folder = home.cache_folder(f"fdd/{_processor()}")
        if folder is None:
            jax.config.update("jax_enable_compilation_cache", False)
            print(
                "fdd: ~/.cache/fdd cannot be written, so compiled programs are not stored for the "
                "next time (JAX_COMPILATION_CACHE_DIR names another folder)",
                file=sys.stderr,
            )
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


def _processor() -> str:
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    kind = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    kind = kind or [platform.machine(), platform.processor()]  # Other systems say less.
    return hashlib.sha256("\n".join(kind).encode()).hexdigest()[:16]


def keep_memory() -> None:
    """Lets glibc keep freed memory for later allocations, if steps run on a CPU.

    Every step and every batch allocates its memory again. From the system it comes page by page,
    filled with zeros. Keeping it makes a train step 12 % (48 pixels) to 15 % (112 pixels) faster on
    two cores; huge pages brought no measurable gain. Beyond some megabytes, memory is kept for the
    main thread only. So a CPU's steps run there: they do if dispatch is synchronous and their
    arguments are ready (`fdd.devices.parallel`).

    Call it once, in a program that trains, before anything is computed and after
    `fdd.devices.parallel.initialize`. `FDD_KEEP_MEMORY=0` turns it off; other C libraries have no
    `mallopt`.
    """
    if os.environ.get("FDD_KEEP_MEMORY") == "0":
        return
    libc = ctypes.CDLL(None) if os.name == "posix" else None
    if not hasattr(libc, "mallopt"):
        return
    jax.config.update("jax_cpu_enable_async_dispatch", False)  # The backend reads it at its start.
    if not on_cpu():
        return
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, -1)  # Never.
    libc.mallopt(_M_TOP_PAD, 2**26)
