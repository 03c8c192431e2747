"""How worker processes start and end."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """A context whose new processes and threads never get SIGINT and SIGTERM.

    Both signals often reach a whole group of processes, but only this process may decide what
    happens. A thread's blocked signals are blocked in everything that it starts, from the first
    instruction on. Windows cannot block signals; there, the processes ignore them as soon as they
    run (`leave_signals_to_parent`).
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # It unblocks them when it starts its own process.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_signals_to_parent() -> None:
    """Has this worker process ignore SIGINT and SIGTERM, if they are not blocked anyway."""
    if not hasattr(signal, "pthread_sigmask"):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def exit_with_parent() -> None:
    """Makes this worker process end when its parent process ends, even by kill -9."""
    leave_signals_to_parent()

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def pool(
    most: int, start: Callable[[], None] = exit_with_parent
) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """A context with worker processes; they are killed if an exception leaves it.

    So files that they write must appear only when they are complete. Submit jobs `shielded`.

    Args:
        most: Maximum number of processes.
        start: A function that each of them calls first.
    """
    others = set(multiprocessing.active_children())
    # Spawned, since forking a process with JAX or TensorFlow threads can deadlock.
    context = multiprocessing.get_context("spawn")
    executor = concurrent.futures.ProcessPoolExecutor(most, context, start)
    try:
        yield executor
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)
