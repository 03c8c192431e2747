"""The user's home, which some accounts lack and some may not write to."""

import atexit
import os
import pathlib
import shutil
import tempfile

from fdd.errors import UserError


def expanded(path: str | os.PathLike[str]) -> pathlib.Path:
    """A path with '~' at its beginning replaced.

    Raises:
        UserError: there is no home folder.
    """
    try:
        return pathlib.Path(path).expanduser()
    except RuntimeError:
        raise UserError(
            f"{os.fspath(path)} lies in the home folder, and this account has none: give a path "
            "without ~, or set HOME"
        ) from None


def cache_folder(name: str) -> pathlib.Path | None:
    """A folder for what can be made again, below XDG_CACHE_HOME or ~/.cache; made if need be.

    Returns:
        The folder; None where there is no place that can be written.
    """
    try:
        place = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        folder = pathlib.Path(place).expanduser() / name
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def give_matplotlib_a_folder() -> None:
    """Has matplotlib keep its list of fonts in a folder of this process where it has none.

    It would do so by itself, with a warning. Call it before matplotlib is imported.
    """
    if "MPLCONFIGDIR" in os.environ or cache_folder("matplotlib"):
        return
    try:
        folder = tempfile.mkdtemp(prefix="fdd_matplotlib_")
    except OSError:  # No temporary folder either: matplotlib says so where a picture needs one.
        return
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["MPLCONFIGDIR"] = folder
