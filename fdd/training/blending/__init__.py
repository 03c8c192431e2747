"""Forgeries made from genuine clips, on the device, while training (self-blending)."""

from fdd.training.blending.batches import for_evaluation, with_fakes
from fdd.training.blending.clips import FAMILIES, Pair, Settings, self_blend

__all__ = ["FAMILIES", "Pair", "Settings", "for_evaluation", "self_blend", "with_fakes"]
