"""How processes that work for this one begin and end."""

import multiprocessing
import os
import signal
import threading


def exit_with_parent() -> None:
    """Makes this worker process end when the process that started it does, even by kill -9.

    Ctrl-C is left to that process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
