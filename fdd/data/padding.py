"""How the last batch is padded, so that all batches have one size: with copies of the last item."""

import numpy as np


def padded(positions: np.ndarray, count: int) -> np.ndarray:
    """The items of a batch.

    Args:
        positions: int [n]; the batch's places among all items, some perhaps after the last one.
        count: Number of items.

    Returns:
        int [n]; which item is in each place.
    """
    return np.minimum(positions, count - 1)
