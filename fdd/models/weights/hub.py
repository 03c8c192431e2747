"""Files of the Hugging Face hub: fetched once, and found on this machine from then on."""

import errno
import hashlib
import pathlib
import re
import shutil
import sys

from fdd.errors import UserError, first_line, shown
from fdd.system import hashes

HUB = "hf://"
NAME = re.compile(rf"{HUB}[\w.-]+/[\w.-]+")

_SHA256, _GIT = 64, 40  # Hexadecimal digits.
_LARGE = 10_000_000  # Bytes; what is larger is announced.
_KEPT = 100_000_000  # Bytes of the disk that a download leaves free.


def url(name: str) -> str:
    """The page of hf://OWNER/NAME."""
    return f"https://huggingface.co/{_repository(name)}"


def is_here(name: str, file: str) -> bool:
    """Whether a file of hf://OWNER/NAME was fetched before."""
    return isinstance(_cached(name, file), str)


def size(name: str, file: str) -> int | None:
    """Bytes of a file of hf://OWNER/NAME, asked of the hub; None: there is no such file.

    Raises:
        UserError: it cannot be asked.
    """
    import huggingface_hub
    from huggingface_hub import errors

    try:
        place = huggingface_hub.hf_hub_url(_repository(name), file)
        return huggingface_hub.get_hf_file_metadata(place).size
    except errors.EntryNotFoundError:
        return None
    except Exception as error:  # There are many: no network, no repository, no permission.
        raise _refused(name, file, error) from None


def fetched(name: str, file: str) -> pathlib.Path | None:
    """A file of hf://OWNER/NAME on this machine; None: there is no such file.

    A file that was fetched before is taken without asking the hub. In the hub's cache a file lies
    under its hash; if its contents have another, it is refused. (On systems without symbolic links
    it lies under its name there, and this is not noticed.)

    Raises:
        UserError: it cannot be fetched, or was changed since.
    """
    import huggingface_hub
    from huggingface_hub.utils import logging

    found = _cached(name, file)
    if found is not None and not isinstance(found, str):
        return None  # It is remembered that the hub has none.
    if found is None:
        if (count := size(name, file)) is None:
            return None
        _check_space(name, file, count)
        if count > _LARGE:
            print(f"{name}: fetching {file}, {megabytes(count)}, from {url(name)}", file=sys.stderr)
        logging.set_verbosity(logging.CRITICAL)  # It is one line that says what went wrong.
        try:
            found = huggingface_hub.hf_hub_download(_repository(name), file)
        except Exception as error:
            raise _refused(name, file, error) from None
    return _checked(pathlib.Path(found), name)


def megabytes(count: int) -> str:
    """A number of bytes in words."""
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"


def cache() -> pathlib.Path:
    """The folder in which files of the hub are kept."""
    from huggingface_hub import constants

    return pathlib.Path(constants.HF_HUB_CACHE)


def _repository(name: str) -> str:
    return name.removeprefix(HUB)


def _cached(name: str, file: str) -> object:
    """The path of a file that is here, something else if the hub is known to have none, or None."""
    import huggingface_hub

    try:
        return huggingface_hub.try_to_load_from_cache(_repository(name), file)
    except ValueError as error:  # Of names that cannot be.
        raise _refused(name, file, error) from None


def _check_space(name: str, file: str, count: int) -> None:
    place = cache()
    while not place.exists():
        place = place.parent
    if (free := shutil.disk_usage(place).free) < count + min(count, _KEPT):
        raise _no_space(name, file, f"it has {megabytes(count)}, and {megabytes(free)} are free")


def _no_space(name: str, file: str, reason: str) -> UserError:
    return UserError(
        f"there is no space for {file} of {name} in {shown(str(cache()))} ({reason}): make some, "
        "or set HF_HOME to a folder on another disk"
    )


def _refused(name: str, file: str, error: Exception) -> UserError:
    from huggingface_hub import errors

    if isinstance(error, errors.RepositoryNotFoundError):
        return UserError(
            f"the Hugging Face hub has no repository {_repository(name)} that anybody may read: "
            f"see {url(name)} (the name may be wrong, or its terms have to be accepted there)"
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return _no_space(name, file, str(error.strerror))
    return UserError(
        f"{file} of {name} could not be fetched from the Hugging Face hub ({first_line(error)}): "
        f"the same command tries again; or fetch the files of {url(name)} elsewhere, and name the "
        "folder that holds them"
    )


def _checked(file: pathlib.Path, name: str) -> pathlib.Path | None:
    if not file.exists():
        return None
    stored = file.resolve()
    expected = stored.name
    if not re.fullmatch(r"[0-9a-f]+", expected) or len(expected) not in (_SHA256, _GIT):
        return file
    found = hashes.sha256(stored) if len(expected) == _SHA256 else _as_git_names(stored)
    if found != expected:
        raise UserError(
            f"{shown(str(file))}, of {name}, is damaged or was changed since it was fetched: "
            f"delete {shown(str(stored))}, and the same command fetches it again"
        )
    return file


def _as_git_names(file: pathlib.Path) -> str:
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
