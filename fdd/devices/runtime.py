"""How a process that runs a command uses the machine: compiled programs, and memory."""

import ctypes
import hashlib
import os
import pathlib
import sys

import jax

from fdd.system import home

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h.
_OVERCOMMIT = pathlib.Path("/proc/sys/vm/overcommit_memory")
_MADV_HUGEPAGE, _HUGE_PAGE = 14, 2**21  # Linux's mman.h; bytes on x86-64 and most of ARM.


def prepare() -> None:
    """Makes ready; call it before anything uses a device."""
    home.give_matplotlib_a_folder()
    _keep_compiled_programs()
    _keep_memory()


def compiler_options(num_devices: int) -> dict[str, str]:
    """Options for `jax.jit`.

    On a CPU, XLA (0.10) hands convolutions to YNNPACK, which takes up to twice as long as its own;
    sums and matrix products are better off there. Several simulated devices get in each other's way
    with XLA's own convolutions: the processor then works longer with them.

    Args:
        num_devices: How many devices the program runs on.
    """
    if jax.default_backend() != "cpu" or num_devices > 1:
        return {}
    kinds = ("INDIVIDUAL_DOT", "REDUCE")
    libraries = ",".join(f"LIBRARY_FUSION_TYPE_{kind}" for kind in kinds)
    return {"xla_cpu_experimental_ynn_fusion_type": libraries}


def _keep_compiled_programs() -> None:
    """Keeps what compiles for longer than 0.3 s below ~/.cache/fdd, or where JAX is told to.

    `JAX_COMPILATION_CACHE_DIR` names another folder; `JAX_ENABLE_COMPILATION_CACHE=false` keeps
    nothing. A program fits one kind of processor, and homes are shared between machines, so each
    kind has a folder of its own. Where that cannot be written, nothing is kept, and a line says so.
    """
    if not jax.config.jax_enable_compilation_cache:
        return
    if not jax.config.jax_compilation_cache_dir:
        folder = home.cache_folder(f"fdd/{_processor()}")
        if folder is None:
            jax.config.update("jax_enable_compilation_cache", False)
            print(
                "fdd: ~/.cache/fdd cannot be written, so compiled programs are not kept for the "
                "next time (JAX_COMPILATION_CACHE_DIR names another folder)",
                file=sys.stderr,
            )
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


def _processor() -> str:
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    kind = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return hashlib.sha256("\n".join(kind).encode()).hexdigest()[:16]


def _keep_memory() -> None:
    """Has glibc keep what is freed for what is allocated next, on huge pages.

    Every step and every batch takes its memory anew; from the system it comes page by page, filled
    with zeros, which costs a tenth of the time. It is kept for the main thread alone, beyond some
    megabytes, which is why a CPU's steps run there: they do if dispatch is synchronous and their
    arguments are ready (`fdd.devices.parallel`). Other C libraries have no `mallopt`.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, -1)  # Never.
    libc.mallopt(_M_TOP_PAD, 2**26)
    _ask_for_huge_pages(libc)
    jax.config.update("jax_cpu_enable_async_dispatch", False)


def _ask_for_huge_pages(libc: ctypes.CDLL) -> None:
    """Has the heap, up to half of the machine's memory, lie on huge pages where Linux has them.

    The processor then looks up fewer pages: a step takes some 2 % less. glibc asks for them itself
    if GLIBC_TUNABLES=glibc.malloc.hugetlb=1 is set, but only before a process starts. What is
    allocated here takes no memory, because nothing is written, and stays part of the heap; where
    Linux counts such memory as taken, it is left alone.
    """
    if _OVERCOMMIT.exists() and _OVERCOMMIT.read_text().strip() == "2":
        return
    libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    libc.free.argtypes, libc.free.restype = [ctypes.c_void_p], None
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    if block := libc.malloc(size):
        start = -(-block // _HUGE_PAGE) * _HUGE_PAGE
        libc.madvise(start, block + size - start, _MADV_HUGEPAGE)  # Without them, it does nothing.
        libc.free(block)
