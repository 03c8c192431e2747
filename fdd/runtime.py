"""How a process that runs a command uses the machine: compiled programs, and memory."""

import ctypes
import hashlib
import os
import pathlib

import jax

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h.


def prepare() -> None:
    """Makes ready; call it before anything uses a device."""
    _keep_compiled_programs()
    _keep_memory()


def compiler_options() -> dict[str, str]:
    """Options for `jax.jit`.

    On a CPU, XLA (0.10) hands convolutions to YNNPACK, which takes up to twice as long as its own;
    sums and matrix products are better off there.
    """
    if jax.default_backend() != "cpu":
        return {}
    kinds = ("INDIVIDUAL_DOT", "REDUCE")
    libraries = ",".join(f"LIBRARY_FUSION_TYPE_{kind}" for kind in kinds)
    return {"xla_cpu_experimental_ynn_fusion_type": libraries}


def _keep_compiled_programs() -> None:
    """Keeps what compiles for longer than 0.3 s below ~/.cache/fdd, or where JAX is told to.

    `JAX_COMPILATION_CACHE_DIR` names another folder; `JAX_ENABLE_COMPILATION_CACHE=false` keeps
    nothing. A program fits one kind of processor, and homes are shared between machines, so each
    kind has a folder of its own.
    """
    if not jax.config.jax_compilation_cache_dir:
        home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        jax.config.update("jax_compilation_cache_dir", str(home / "fdd" / _processor()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


def _processor() -> str:
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    kind = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return hashlib.sha256("\n".join(kind).encode()).hexdigest()[:16]


def _keep_memory() -> None:
    """Has glibc keep what is freed for what is allocated next.

    Every step and every batch takes its memory anew; from the system it comes page by page, filled
    with zeros, which costs a tenth of the time. It is kept for the main thread alone, beyond some
    megabytes, which is why a CPU's steps run there: they do if dispatch is synchronous and their
    arguments are ready (`fdd.parallel`). Other C libraries have no `mallopt`.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, -1)  # Never.
    mallopt(_M_TOP_PAD, 2**26)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
