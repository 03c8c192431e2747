"""Parts that a config names: a part of the library, or the user's own `package.module:Name`."""

import importlib
import inspect
import re
import sys
from collections.abc import Mapping
from typing import Any

import ml_collections

from fdd.errors import UserError, first_line

NAMED_BY = ("model.encoder", "model.temporal", "loss", "data.builder")
"""The keys of a config that name a part."""

_OWN = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*)")


def is_own(name: str) -> bool:
    """Whether a name is that of a part outside the library."""
    return ":" in name


def find(key: str, name: str, known: Mapping[str, Any]) -> Any:
    """Returns the part that a config names.

    It does not import modules, since the config of a run from elsewhere could name any code: see
    `import_those_of` and `import_modules`.

    Args:
        key: The config's key that names it, such as 'model.encoder'.
        name: Its value.
        known: The library's parts.

    Raises:
        UserError: there is no such part, or its module has not been imported.
    """
    if name in known:
        return known[name]
    match = _OWN.fullmatch(name)
    if not match:
        raise UserError(
            f"config.{key} is '{name}', known: {', '.join(known)}; or one of your own, as "
            "package.module:Name"
        )
    module = sys.modules.get(match["module"])
    if module is None:
        raise UserError(
            f"config.{key} is '{name}', code that is not part of fdd: to run it, add "
            f"--import={match['module']} to the command, or import that module before"
        )
    if not hasattr(module, match["name"]):
        raise UserError(f"config.{key} is '{name}', but {match['module']} has no {match['name']}")
    return getattr(module, match["name"])


def import_those_of(config: ml_collections.ConfigDict) -> None:
    """Imports the modules of the parts that a config names; only for a config that is trusted.

    Raises:
        UserError: one cannot be imported.
    """
    names = []
    for key in NAMED_BY:
        value: Any = config
        for name in key.split("."):
            value = value.get(name, "") if value else ""
        if isinstance(value, str) and (match := _OWN.fullmatch(value)):
            names.append(match["module"])
    import_modules(names)


def import_modules(names: list[str]) -> None:
    """Imports modules, also from the working folder.

    Raises:
        UserError: one cannot be imported.
    """
    for name in names:
        if name in sys.modules:
            continue
        try:
            importlib.import_module(name)
        except Exception as error:  # The module's code may raise anything.
            raise UserError(
                f"the module {name} cannot be imported ({type(error).__name__}: "
                f"{first_line(error)}); its folder must be the working folder or in PYTHONPATH"
            ) from None


def options(part: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Selects the values that a part takes as arguments, by name.

    Args:
        part: A class or another callable.
        values: Of a config.
    """
    return {key: values[key] for key in inspect.signature(part).parameters if key in values}
