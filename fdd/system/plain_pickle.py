"""Reading a pickle without running anything in it.

Pickle is fast and supports all types, but it runs what a pickle names. Here a pickle may name only
the expected types.
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
        """Returns the type that a pickle names, if it is expected."""
        if (module, name) not in self._names:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)


def loads(content: bytes, types: Collection[type]) -> Any:
    """Reads what `pickle.dumps` wrote.

    Args:
        content: The pickle; it may come from somebody else.
        types: The types that it may contain besides Python's own plain types and NumPy's numbers.

    Raises:
        Exception: it names another type, or is damaged; a damaged pickle may raise any error.
    """
    return _Reader(content, types).load()
