"""Compiled programs are kept on disk, so that a command's second start takes seconds less."""

import hashlib
import os
import pathlib

import jax


def enable() -> None:
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
