"""Video deepfake detection in JAX; see README.md."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "Detector":  # Late, since it takes seconds to import.
        from fdd.inference.detector import Detector

        return Detector
    raise AttributeError(f"module 'fdd' has no attribute '{name}'")
