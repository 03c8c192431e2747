"""Video deepfake detection in JAX; see README.md."""

import sys
from typing import Any

if sys.argv[:1] == ["-m"]:  # python -m fdd.COMMAND: its module is imported next.
    from fdd.system import preemption

    preemption.end_on_signals()


def __getattr__(name: str) -> Any:
    if name == "Detector":  # Late, since it takes seconds to import.
        from fdd.inference.detector import Detector

        return Detector
    raise AttributeError(f"module 'fdd' has no attribute '{name}'")
