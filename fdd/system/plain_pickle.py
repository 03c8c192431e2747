"""Reading a pickle without running anything that stands in it.

Pickle is quick and knows all types, but runs what it names. Here only the types that are expected
may be named.
"""

import io
import pickle
from collections.abc import Collection
from typing import Any

_NUMBERS = {("numpy", "dtype"), ("numpy._core.multiarray", "scalar")}


class _Reader(pickle.Unpickler):
    def __init__(self, content: bytes, types: Collection[type]):
        super().__init__(io.BytesIO(content))
        self._names = {(each.__module__, each.__qualname__) for each in types} | _NUMBERS

    def find_class(self, module: str, name: str) -> Any:
        """Returns what a pickle names, if it may."""
        if (module, name) not in self._names:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)


def loads(content: bytes, types: Collection[type]) -> Any:
    """Undoes `pickle.dumps`.

    Args:
        content: The pickle, perhaps somebody else's.
        types: What it may consist of besides Python's own plain types and NumPy's numbers.

    Raises:
        Exception: it names something else, or is damaged; then whatever the types in it raise.
    """
    return _Reader(content, types).load()
