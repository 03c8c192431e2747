"""The measurements of `python -m fdd.bench`: each function returns JSON-compatible values."""

from fdd.benchmarks.blending import measure_blend
from fdd.benchmarks.data import measure_build, measure_input
from fdd.benchmarks.memory import measure_memory
from fdd.benchmarks.steps import measure_steps
from fdd.benchmarks.timing import text
from fdd.benchmarks.videos import measure_predict

__all__ = [
    "measure_blend",
    "measure_build",
    "measure_input",
    "measure_memory",
    "measure_predict",
    "measure_steps",
    "text",
]
