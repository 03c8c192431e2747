"""Video deepfake detection in JAX; see README.md."""

import os
import sys
from typing import Any

# Installed, configs/ and tfds_builders/ lie in this folder; in a checkout they lie beside it, where
# users look for them (see pyproject.toml). Either way they are fdd.configs and fdd.tfds_builders.
if not os.path.isdir(os.path.join(__path__[0], "configs")):
    __path__.append(os.path.dirname(os.path.abspath(__path__[0])))

if sys.argv[:1] == ["-m"]:  # python -m fdd.COMMAND: its module is imported next.
    from fdd.system import preemption

    preemption.end_on_signals()


def __getattr__(name: str) -> Any:
    if name == "Detector":  # Late, since it takes seconds to import.
        from fdd.inference.detector import Detector

        return Detector
    raise AttributeError(f"module 'fdd' has no attribute '{name}'")
