"""What all commands have in common: flags, and ending with one line and an exit status.

A command's module defines `main` and ends with `cli.start(main)`; `main` reads its flags with a
`Parser` (or, for a config and its keys, `parse_flags`) and works inside `one_line`.
"""

import argparse
import contextlib
import logging
import os
import pathlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

from fdd import recipes
from fdd.errors import (
    NotSaved,
    UserError,
    is_disk_error,
    is_out_of_memory,
    shown,
    silence_disk_errors_in_threads,
)
from fdd.system import preemption

if TYPE_CHECKING:
    from absl import flags

OK, ERROR, WRONG_USAGE = 0, 1, 2
"""Exit statuses: everything was done; an error, with a line that says which; wrong flags."""
INTERRUPTED, TERMINATED = preemption.STATUSES[signal.SIGINT], preemption.STATUSES[signal.SIGTERM]
"""Exit statuses after Ctrl-C and after SIGTERM."""


def start(main: Callable[[], int | None]) -> NoReturn:
    """Runs a command as the program; `main` may return its exit status."""
    silence_disk_errors_in_threads()
    sys.exit(main())


class Parser(argparse.ArgumentParser):
    """A command's flags; an error in them ends the command with one line."""

    def __init__(self, command: str, description: str | None, epilog: str | None = None):
        super().__init__(
            prog=f"python -m fdd.{command}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        open_standard_streams()

    def add_detector(self) -> None:
        """Adds --detector, also as --workdir, and --import for runs with the user's own parts."""
        self.add_argument(
            "--detector",
            "--workdir",
            metavar="DETECTOR",
            required=True,
            help="the folder of a run; or published weights, on the Hugging Face hub "
            "(hf://yermandy/GenD_CLIP_L_14, which are fetched the first time) or in a folder. "
            "Neither the real published weights nor their published figures were run by the "
            "authors of fdd.",
        )
        self.add_argument(
            "--import",
            dest="modules",
            metavar="MODULE",
            action="append",
            default=[],
            help="a module with parts of your own that the run's config names; it is run",
        )

    def add_error_rate(self) -> None:
        """Adds --error_rate."""
        self.add_argument(
            "--error_rate",
            type=float,
            metavar="ALPHA",
            help="verdicts are real, fake or undecided: at most this share (such as 0.1) of the "
            "real videos is called fake and of the fake ones real, if they are of new people but "
            "otherwise like the validation videos",
        )

    def error(self, message: str) -> NoReturn:
        """Ends the command."""
        print(f"fdd: {message} (--help lists what there is)", file=sys.stderr)
        sys.exit(WRONG_USAGE)


@contextlib.contextmanager
def one_line(
    place: str | os.PathLike[str] = "", after_interrupt: str = "", waits: bool = True
) -> Iterator[None]:
    """A context that ends the program with one line after a signal or a `UserError`.

    Args:
        place: What cannot be written, for disk errors that name no file.
        after_interrupt: A hint to print after Ctrl-C.
        waits: Whether a stopped program waits for its threads.
    """
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.FATAL)  # orbax logs every file, and raises its errors.
    # absl silences Python's loggers too, but JAX must say that it falls back to a CPU.
    logging.getLogger("jax._src.xla_bridge").setLevel(logging.WARNING)
    open_standard_streams()
    handlers = preemption.raise_on_signals()
    try:
        yield
        sys.stdout.flush()
    except UserError as error:
        _end(str(error), ERROR, not isinstance(error, NotSaved))
    except BrokenPipeError:  # The reader of standard output has closed it.
        _end("standard output was closed before all was written", ERROR, waits)
    except KeyboardInterrupt:
        _end("; ".join(filter(None, ["interrupted", after_interrupt])), INTERRUPTED, waits)
    except preemption.Preempted as stopped:
        _end(str(stopped), TERMINATED, waits)
    except OSError as error:
        if not is_disk_error(error):
            raise
        path = shown(os.fsdecode(error.filename or place))
        _end(f"{path} cannot be written: {error.strerror}", ERROR)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        place = "" if isinstance(error, MemoryError) else " on the device"
        _end(f"there is not enough memory{place}: end other programs that use memory", ERROR)
    finally:
        for number, handler in handlers.items():
            if signal.getsignal(number) != signal.SIG_IGN:  # Which it is where one has come.
                signal.signal(number, handler)


@contextlib.contextmanager
def writing_to(folder: str | os.PathLike[str]) -> Iterator[None]:
    """A context whose disk errors name a folder if they name no file.

    Raises:
        UserError: the folder was deleted or moved.
    """
    try:
        yield
    except FileNotFoundError as error:
        inside = error.filename is not None and os.path.abspath(folder) in map(
            os.fspath, pathlib.Path(os.path.abspath(os.fsdecode(error.filename))).parents
        )
        if not inside or os.path.exists(os.path.dirname(os.path.abspath(error.filename))):
            raise
        raise UserError(
            f"{shown(os.fsdecode(error.filename))} cannot be written: its folder was deleted or "
            "moved while the program ran"
        ) from None
    except OSError as error:
        if is_disk_error(error) and error.filename is None:
            error.filename = os.fspath(folder)
        raise


def open_standard_streams() -> None:
    """Opens closed standard streams on the null device, and makes all of them accept any character.

    Otherwise the next opened file would get the number of a closed stream, and with it the output
    of libraries.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest free number, that is this one.
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", closefd=False))
        if hasattr(stream := getattr(sys, name), "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _end(line: str, status: int, waits: bool = True) -> NoReturn:
    """Prints a line and exits; buffered output that cannot be written is dropped."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if status == ERROR and waits:
        sys.exit(f"fdd: {line}")
    with contextlib.suppress(OSError):
        print(f"fdd: {line}", file=sys.stderr, flush=True)
    if not waits:
        os._exit(status)
    sys.exit(status)


def parse_flags(argv: list[str], config: "flags.FlagHolder") -> list[str]:
    """Parses a command line, or ends the program with one line.

    Args:
        argv: The program's name and its arguments.
        config: The result of `ml_collections.config_flags.DEFINE_config_file("config")`.

    Returns:
        The arguments that are not flags, the program's name first.
    """
    from absl import app, flags

    open_standard_streams()
    if {*_HELP} & {*argv[1:]}:
        app.usage(shorthelp=True, writeto_stdout=True)
        sys.exit(OK)
    try:
        argv = [_with_path(argument) for argument in _with_equals_sign(argv)]
    except ValueError as error:
        wrong_usage(str(error))
    names = [argument.partition("=")[0].lstrip("-") for argument in argv[1:]]
    changed = [name for name in names if name.startswith("config.")]
    if changed and "config" not in names:
        wrong_usage(f"--{changed[0]} changes a key of a config: --config=FILE is needed too")
    try:
        rest = flags.FLAGS(argv)
        _ = config.value and config.value.keys()  # Raises if the file cannot be loaded.
    except (KeyError, AttributeError) as error:
        if "'get_config'" in str(error):
            wrong_usage("the config file defines no function get_config()")
        wrong_usage(f"the config has no such key: {_one_line(error.args[0])}")
    except (flags.Error, OSError, TypeError, ValueError) as error:
        wrong_usage(f"{_one_line(error)}")
    except Exception as error:  # The file's code may raise anything.
        reason = f"{type(error).__name__}: {_one_line(error)}"
        wrong_usage(f"the config file cannot be loaded ({reason})")
    return rest


def _with_equals_sign(argv: list[str]) -> list[str]:
    """Replaces `--config FILE` by `--config=FILE`, which overrides need."""
    joined: list[str] = []
    for argument in argv:
        if joined and joined[-1] in ("--config", "-config") and not argument.startswith("-"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _with_path(argument: str) -> str:
    """`--config=NAME` as `--config=FILE`; any other argument as it is."""
    flag, equals, config = argument.partition("=")
    if flag not in ("--config", "-config") or not equals:
        return argument
    return f"{flag}={recipes.located(config)}"


def overrides() -> dict[str, object]:
    """The values that `--config.key=value` set, by key."""
    from absl import flags
    from ml_collections import config_flags

    return config_flags.get_override_values(flags.FLAGS["config"])


def config_name() -> str:
    """The name of the config's file, and its variant: 'resnet_lstm_face'."""
    from absl import flags
    from ml_collections import config_flags

    file, _, variant = config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")
    return pathlib.Path(file).stem + (f"_{variant}" if variant else "")


def wrong_usage(line: str) -> NoReturn:
    """Ends the command with a line about its flags."""
    print(f"fdd: {line}", file=sys.stderr)
    sys.exit(WRONG_USAGE)


_HELP = ("--help", "-help", "-h", "--helpshort")


def _one_line(message: object) -> str:
    text = str(message).replace("\\n", " ").replace("\\", "")  # Some messages come quoted twice.
    text = " ".join(text.split())
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text
