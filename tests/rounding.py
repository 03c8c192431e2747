"""How much results may differ by rounding alone, computed from the arithmetic.

Values that should be equal are compared in float64 if possible (`jax.enable_x64`): rounding then
stays far below `SAME`, and a fault far above. Bounds for float32 are for what is float32 by nature.
"""

import dataclasses
import math

import jax
import numpy as np

from fdd.inference.detector import Detector
from fdd.training.task import create_task

SAME = 1e-9
"""Relative; float64 rounds at 1e-16, which leaves room for sums of a million terms."""

_UNIT = float(np.finfo(np.float32).epsneg)  # 2⁻²⁴: half a unit in the last place of 1.


def worst(terms: int, depth: int = 1) -> float:
    """The largest error of float32 sums with this number of terms, some of them in series.

    Relative to the terms' absolute sum (Higham, Accuracy and Stability of Numerical Algorithms,
    2002, section 4.2).
    """
    return depth * terms * _UNIT


def likely(terms: int, depth: int = 1) -> float:
    """As `worst`, but exceeded by chance with a probability of 3e-8.

    Rounding errors that are independent grow with the root of their number (Higham and Mary, A New
    Approach to Probabilistic Rounding Error Analysis, 2019); six deviations.
    """
    return 6 * depth * math.sqrt(terms) * _UNIT


LOGIT = likely(7 * 7 * 3, depth=20)
"""Of the tests' network, whose logits are below 1: 1e-4.

Its longest sums are the stem's, over 7 × 7 places of 3 channels. Ten layers follow each other in
its encoder, and ten times in its LSTM.
"""


def in_float64(detector: Detector) -> Detector:
    """The same detector, computing in float64; call and use it while float64 is enabled in JAX."""
    config = detector.config.copy_and_resolve_references()
    config.precision = "float64"
    state = jax.tree.map(np.float64, jax.device_get(detector.state))
    return dataclasses.replace(
        detector,
        config=config,
        task=create_task(config),
        state=jax.device_put(state, detector.devices.replicated),
    )
