"""The user's home folder, which some accounts do not have or cannot write to."""

import atexit
import os
import pathlib
import shutil
import tempfile

from fdd.errors import UserError


def expanded(path: str | os.PathLike[str]) -> pathlib.Path:
    """A path with a leading '~' replaced.

    Raises:
        UserError: there is no home folder.
    """
    try:
        return pathlib.Path(path).expanduser()
    except RuntimeError:
        raise UserError(
            f"{os.fspath(path)} is in the home folder, but this account has none: give a path "
            "without ~, or set HOME"
        ) from None


def cache_folder(name: str) -> pathlib.Path | None:
    """A folder for files that can be made again, in XDG_CACHE_HOME or ~/.cache; created if missing.

    Returns:
        The folder; None if no folder can be written.
    """
    try:
        place = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        folder = pathlib.Path(place).expanduser() / name
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def give_matplotlib_a_folder() -> None:
    """Gives matplotlib a temporary folder for its list of fonts if it has none.

    matplotlib would do so itself, with a warning. Call it before matplotlib is imported.
    """
    if "MPLCONFIGDIR" in os.environ or cache_folder("matplotlib"):
        return
    try:
        folder = tempfile.mkdtemp(prefix="fdd_matplotlib_")
    except OSError:  # No temporary folder either: matplotlib reports it when a picture needs one.
        return
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["MPLCONFIGDIR"] = folder
